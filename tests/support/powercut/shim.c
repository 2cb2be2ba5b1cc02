/* Records what a process does to the files below one directory, in order, and fails on command.
 *
 * Preloaded into a child process, so that the stream is the one of the real sqlite3 library. Every call that changes a file
 * or makes it durable becomes one entry of the stream file; the child's own marks are writes to a file named "marks".
 * Shared memory ("-shm") and the lock file are no part of the journal on disk and are left out.
 * Entry: kind, name length, two bytes of nothing, data length, offset; then the name and the data. Native byte order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FDS 4096

static char *names[FDS]; /* relative name of each watched descriptor */
static char folder[PATH_MAX];
static size_t folder_length;
static int stream = -1;
static int sync_fails = 0;
static int64_t room = INT64_MAX;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

void powercut_fail_sync(int fails) { sync_fails = fails; }
void powercut_room(int64_t bytes) { room = bytes; }

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("POWERCUT_FOLDER"), *to = getenv("POWERCUT_STREAM");
    if (!where || !to) return;
    strncpy(folder, where, sizeof folder - 1);
    folder_length = strlen(folder);
    stream = REAL(open64)(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length) {
        ssize_t done = REAL(write)(stream, at, length);
        if (done <= 0) abort();
        at += done;
        length -= (size_t)done;
    }
}

static void entry(char kind, const char *name, int64_t offset, const void *data, size_t length) {
    char head[16] = {kind, (char)strlen(name)};
    uint32_t data_length = (uint32_t)length;
    memcpy(head + 4, &data_length, 4);
    memcpy(head + 8, &offset, 8);
    pthread_mutex_lock(&lock);
    put(head, sizeof head);
    put(name, strlen(name));
    put(data, length);
    pthread_mutex_unlock(&lock);
}

/* The name below the watched folder ("." for the folder itself), or NULL. */
static const char *watched(const char *path) {
    if (stream < 0 || strncmp(path, folder, folder_length)) return NULL;
    const char *rest = path + folder_length;
    if (!*rest) return ".";
    if (*rest != '/') return NULL;
    size_t length = strlen(++rest);
    if (length > 200 || (length > 4 && !strcmp(rest + length - 4, "-shm"))) return NULL;
    if (length > 5 && !strcmp(rest + length - 5, ".lock")) return NULL;
    return length ? rest : ".";
}

static const char *name_of(int fd) { return fd >= 0 && fd < FDS ? names[fd] : NULL; }

static int opened(int fd, const char *path, int existed) {
    const char *name = watched(path);
    if (fd >= 0 && fd < FDS && name) {
        names[fd] = strdup(name);
        if (!existed) entry('C', name, 0, NULL, 0);
    }
    return fd;
}

static int open_any(const char *symbol, const char *path, int flags, mode_t mode) {
    int existed = !(flags & O_CREAT) || access(path, F_OK) == 0;
    int (*next)(const char *, int, ...) = real(symbol);
    return opened(next(path, flags, mode), path, existed);
}

#define OPEN(symbol)                                  \
    int symbol(const char *path, int flags, ...) {    \
        va_list rest;                                 \
        va_start(rest, flags);                        \
        mode_t mode = va_arg(rest, mode_t);           \
        va_end(rest);                                 \
        return open_any(#symbol, path, flags, mode);  \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (name_of(fd)) {
        free(names[fd]);
        names[fd] = NULL;
    }
    return REAL(close)(fd);
}

/* How much of a write there is room for; a mark always fits. */
static size_t fitting(const char *name, size_t length) {
    if (!strcmp(name, "marks")) return length;
    if ((int64_t)length > room) length = room > 0 ? (size_t)room : 0;
    if (room != INT64_MAX) room -= (int64_t)length;
    return length;
}

#define PWRITE(symbol, offset_type)                                                   \
    ssize_t symbol(int fd, const void *data, size_t length, offset_type offset) {     \
        const char *name = name_of(fd);                                               \
        if (name && length && !(length = fitting(name, length))) return errno = ENOSPC, -1; \
        ssize_t done = REAL(symbol)(fd, data, length, offset);                        \
        if (name && done > 0) entry('W', name, offset, data, (size_t)done);           \
        return done;                                                                  \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    const char *name = name_of(fd);
    if (!name) return REAL(write)(fd, data, length);
    if (length && !(length = fitting(name, length))) return errno = ENOSPC, -1;
    int64_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, length);
    if (done > 0) entry('W', name, offset, data, (size_t)done);
    return done;
}

#define TRUNCATE(symbol, length_type)                     \
    int symbol(int fd, length_type length) {              \
        int result = REAL(symbol)(fd, length);            \
        const char *name = name_of(fd);                   \
        if (name && !result) entry('T', name, length, NULL, 0); \
        return result;                                    \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(symbol)                                      \
    int symbol(int fd) {                                  \
        const char *name = name_of(fd);                   \
        if (name && sync_fails) {                         \
            entry('F', name, 0, NULL, 0);                 \
            return errno = EIO, -1;                       \
        }                                                 \
        int result = REAL(symbol)(fd);                    \
        if (name && !result) entry('S', name, 0, NULL, 0); \
        return result;                                    \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    int result = REAL(unlink)(path);
    const char *name = watched(path);
    if (name && !result) entry('U', name, 0, NULL, 0);
    return result;
}
