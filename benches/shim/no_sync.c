/* A disk that says it has written and has not, for one process: what waiting for it costs is the
 * difference. Used by the benchmarks only; put in front of the C library with LD_PRELOAD. */

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
