/* A disk that is full or cannot sync, by command: a file of that name beside the journal makes it so, its removal heals it.
 *
 * Preloaded into a daemon. Only files whose name holds SICK_FILES ("journal.sqlite" where it is not set) are touched; SICK_FOLDER says where the commands are:
 * "full" makes writes fail with ENOSPC, "ill" makes syncs fail with EIO.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is(const char *what, int fd) {
    const char *folder = getenv("SICK_FOLDER"), *files = getenv("SICK_FILES");
    char path[PATH_MAX], link[64], target[PATH_MAX];
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length <= 0) return 0;
    target[length] = 0;
    if (!strstr(target, files ? files : "journal.sqlite") || strstr(target, "-shm") || strstr(target, "lock")) return 0;
    snprintf(path, sizeof path, "%s/%s", folder, what);
    return access(path, F_OK) == 0;
}

static int sick(int fd, const char *what, int number) {
    if (!is(what, fd)) return 0;
    errno = number;
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) { return sick(fd, "full", ENOSPC) ? -1 : REAL(write)(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return sick(fd, "full", ENOSPC) ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return sick(fd, "full", ENOSPC) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
int fsync(int fd) { return sick(fd, "ill", EIO) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return sick(fd, "ill", EIO) ? -1 : REAL(fdatasync)(fd); }
