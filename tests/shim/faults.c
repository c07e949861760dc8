/*
 * Simulates a full disk or a shifted wall clock for a process. Preloaded before the C library
 * (LD_PRELOAD) and controlled by files in the folder $ETAPPE_SHIM:
 *
 *   full    writes and allocations of space for files below $ETAPPE_SHIM_DISK fail with ENOSPC
 *   clock   the signed number of seconds by which the wall clock is shifted
 *
 * The files are checked at most ten times a second.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static atomic_long looked_at;
static atomic_int disk_is_full;
static atomic_long clock_offset;

static int real_clock(clockid_t id, struct timespec *at)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return real(id, at);
}

static ssize_t real_read(int fd, void *bytes, size_t count)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real)
        real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    return real(fd, bytes, count);
}

/* Checks the control files, unless that was done a moment ago. */
static void look(void)
{
    struct timespec now;
    real_clock(CLOCK_MONOTONIC, &now);
    long tenth = now.tv_sec * 10 + now.tv_nsec / 100000000;
    long before = atomic_load(&looked_at);
    if (before == tenth || !atomic_compare_exchange_strong(&looked_at, &before, tenth))
        return;
    int saved = errno;
    const char *folder = getenv("ETAPPE_SHIM");
    char path[PATH_MAX];
    if (folder) {
        snprintf(path, sizeof path, "%s/full", folder);
        atomic_store(&disk_is_full, access(path, F_OK) == 0);
        snprintf(path, sizeof path, "%s/clock", folder);
        char text[32] = {0};
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            if (real_read(fd, text, sizeof text - 1) < 0)
                text[0] = 0;
            close(fd);
        }
        atomic_store(&clock_offset, atol(text));
    }
    errno = saved;
}

/* Whether `path` is on the disk and the disk is full now. */
static int is_on_full_disk(const char *path)
{
    look();
    const char *disk = getenv("ETAPPE_SHIM_DISK");
    return atomic_load(&disk_is_full) && disk && strncmp(path, disk, strlen(disk)) == 0;
}

/* Whether writing to `fd` fails now. */
static int refuses(int fd)
{
    look();
    if (!atomic_load(&disk_is_full))
        return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_on_full_disk(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSE(fd) \
    if (refuses(fd)) { \
        errno = ENOSPC; \
        return -1; \
    }

ssize_t write(int fd, const void *bytes, size_t count)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real)
        real = REAL(write);
    REFUSE(fd)
    return real(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = REAL(pwrite64);
    REFUSE(fd)
    return real(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real)
        real = REAL(pwrite);
    REFUSE(fd)
    return real(fd, bytes, count, at);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real)
        real = REAL(writev);
    REFUSE(fd)
    return real(fd, pieces, count);
}

int fallocate64(int fd, int mode, off64_t at, off64_t count)
{
    static int (*real)(int, int, off64_t, off64_t);
    if (!real)
        real = REAL(fallocate64);
    REFUSE(fd)
    return real(fd, mode, at, count);
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = REAL(fdatasync);
    REFUSE(fd)
    return real(fd);
}

int fsync(int fd)
{
    static int (*real)(int);
    if (!real)
        real = REAL(fsync);
    REFUSE(fd)
    return real(fd);
}

/* A full disk also reports no free space. */
int statvfs64(const char *restrict path, struct statvfs64 *restrict answer)
{
    int failed = ((int (*)(const char *, struct statvfs64 *))dlsym(RTLD_NEXT, "statvfs64"))(path, answer);
    if (!failed && is_on_full_disk(path))
        answer->f_bavail = answer->f_bfree = 0;
    return failed;
}

int statvfs(const char *restrict path, struct statvfs *restrict answer)
{
    int failed = ((int (*)(const char *, struct statvfs *))dlsym(RTLD_NEXT, "statvfs"))(path, answer);
    if (!failed && is_on_full_disk(path))
        answer->f_bavail = answer->f_bfree = 0;
    return failed;
}

int clock_gettime(clockid_t id, struct timespec *at)
{
    int answer = real_clock(id, at);
    if (answer == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        look();
        at->tv_sec += atomic_load(&clock_offset);
    }
    return answer;
}

/*
 * Converts a wait's deadline from the shifted wall clock to the kernel's, which is not shifted.
 * Deadlines on the monotonic clock are small numbers and stay unchanged.
 */
static struct timespec as_kernel_sees(const struct timespec *until)
{
    struct timespec moved = *until;
    if (moved.tv_sec > 1000000000)
        moved.tv_sec -= atomic_load(&clock_offset);
    return moved;
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real)
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlvsym(
            RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec moved = as_kernel_sees(until);
    return real(condition, mutex, &moved);
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    static int (*real)(cnd_t *, mtx_t *, const struct timespec *);
    if (!real)
        real = (int (*)(cnd_t *, mtx_t *, const struct timespec *))dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec moved = as_kernel_sees(until);
    return real(condition, mutex, &moved);
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    int answer = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return answer;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
