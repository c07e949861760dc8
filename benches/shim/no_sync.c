/* Makes syncs succeed without writing, for one process, to measure what waiting for the disk costs.
 * Used by the benchmarks only; preloaded before the C library with LD_PRELOAD. */

int fsync(int fd) {
    (void)fd;
    return 0;
}

int fdatasync(int fd) {
    (void)fd;
    return 0;
}

int syncfs(int fd) {
    (void)fd;
    return 0;
}
