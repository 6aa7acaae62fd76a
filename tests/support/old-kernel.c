// Makes this kernel look like an old one to the guard, or lets it die at a chosen point: preloaded, it stands where the guard meets the C library (the
// guard opens libc by name, so dlopen is caught and this library handed out in its place). FAULT holds any of:
//   pages     thresholds are stored as pages and compared as bytes (CentOS 7.3)
//   silent    thresholds are accepted and never fire
//   refused   thresholds are not supported
//   nolocal   memory.pressure_level takes the level alone (before 4.13)
//   nocount   memory.oom_control has no oom_kill line (before 4.13)
//   nopidfd   no pidfd system calls (before 5.1)
//   nomlock2  no mlock2 (before 4.4), eager: it takes MLOCK_ONFAULT and locks everything all the same
//   epoll     the sentinel's epoll_wait fails once the file named by FAULT_WHEN is there
//   noinotify no inotify instance is left (fs.inotify.max_user_instances)
//   deaf      there are no notifications of an OOM (a kernel for real time)
//   nohold    memory.oom_control cannot be written (before 3.16, below use_hierarchy)
//   uname     uname -r says 3.10.0-1160.el7.x86_64
//   diebefore the guard is killed in the moment before it kills, dieafter in the moment after
#define _GNU_SOURCE
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static int fault(const char *name) {
  const char *all = getenv("FAULT");
  return all && strstr(all, name) != NULL;
}

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

int uname(struct utsname *what) {
  int (*next)(struct utsname *) = real("uname");
  int result = next(what);
  if (result == 0 && fault("uname")) strcpy(what->release, "3.10.0-1160.el7.x86_64");
  return result;
}

static const char *file_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

void *dlopen(const char *name, int flags) {
  void *(*next)(const char *, int) = real("dlopen");
  static char here;
  Dl_info self;
  if (name && strstr(name, "libc.so") && dladdr(&here, &self)) return next(self.dli_fname, flags);
  return next(name, flags);
}

// What the guard takes for cgroup.event_control is a pipe, because the engine's pool threads write without the C
// library: whatever comes out of it is passed on by a thread, changed as the fault wants it. Writes through the C library,
// also those on threads of its own (aio_write), are answered as the kernel answers.
struct control { char directory[PATH_MAX]; int from; };
static struct control *controls[65536];

static int pass_on(const char *directory, const char *request, size_t length) {
  char text[256], path[PATH_MAX + 32], what[PATH_MAX];
  int event_fd, file_fd, at = 0, usage_fd = -1;
  if (length >= sizeof text) return EINVAL;
  memcpy(text, request, length);
  text[length] = 0;
  if (sscanf(text, "%d %d %n", &event_fd, &file_fd, &at) < 2) return EINVAL;
  const char *kind = file_of(file_fd, what);
  if (!strcmp(kind, "memory.pressure_level")) {
    if (fault("nolocal") && strchr(text, ',')) return EINVAL;
  } else if (!strcmp(kind, "memory.oom_control")) {
    if (fault("deaf")) return EOPNOTSUPP;
  } else if (at > 0 && text[at] >= '0' && text[at] <= '9') {
    unsigned long long bytes = strtoull(text + at, NULL, 10);
    if (fault("refused")) return EOPNOTSUPP;
    if (fault("pages")) bytes /= 4096;
    if (fault("silent")) bytes = 1ULL << 60;
    // The guard may have closed its own descriptor by now.
    snprintf(path, sizeof path, "%s/memory.usage_in_bytes", directory);
    usage_fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(text, sizeof text, "%d %d %llu", event_fd, usage_fd, bytes);
  }
  snprintf(path, sizeof path, "%s/cgroup.event_control", directory);
  int control = open(path, O_WRONLY | O_CLOEXEC);
  ssize_t (*next)(int, const void *, size_t) = real("write");
  int error = control < 0 || next(control, text, strlen(text)) < 0 ? errno : 0;
  close(control);
  if (usage_fd >= 0) close(usage_fd);
  return error;
}

static void *serve(void *argument) {
  struct control *control = argument;
  char request[256];
  for (;;) {
    ssize_t length = read(control->from, request, sizeof request);
    if (length <= 0) break;
    pass_on(control->directory, request, length);
  }
  close(control->from);
  free(control);
  return NULL;
}

int openat(int directory, const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  int mode = va_arg(list, int);
  va_end(list);
  int (*next)(int, const char *, int, ...) = real("openat");
  size_t length = strlen(path), name = strlen("/cgroup.event_control");
  int fd = next(directory, path, flags, mode), ends[2];
  if (fd < 0 || length < name || strcmp(path + length - name, "/cgroup.event_control")) return fd;
  close(fd);
  if (pipe2(ends, O_CLOEXEC)) return -1;
  struct control *control = calloc(1, sizeof *control);
  snprintf(control->directory, sizeof control->directory, "%.*s", (int)(length - name), path);
  control->from = ends[0];
  controls[ends[1]] = control;
  pthread_t thread;
  pthread_create(&thread, NULL, serve, control);
  pthread_detach(thread);
  return ends[1];
}

int close(int fd) {
  int (*next)(int) = real("close");
  if (fd >= 0 && fd < 65536) controls[fd] = NULL;
  return next(fd);
}

ssize_t write(int fd, const void *data, size_t length) {
  ssize_t (*next)(int, const void *, size_t) = real("write");
  char what[PATH_MAX];
  if (fault("nohold") && length == 1 && !strcmp(file_of(fd, what), "memory.oom_control")) {
    errno = EINVAL;
    return -1;
  }
  if (fd < 0 || fd >= 65536 || controls[fd] == NULL) return next(fd, data, length);
  int error = pass_on(controls[fd]->directory, data, length);
  errno = error;
  return error ? -1 : (ssize_t)length;
}

static struct asked { struct aiocb *request; char directory[PATH_MAX]; int error; } asked[512];
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

static void *ask(void *argument) {
  struct asked *it = argument;
  int error = pass_on(it->directory, (const char *)it->request->aio_buf, it->request->aio_nbytes);
  __atomic_store_n(&it->error, error, __ATOMIC_RELEASE);
  return NULL;
}

int aio_write(struct aiocb *request) {
  int (*next)(struct aiocb *) = real("aio_write");
  int fd = request->aio_fildes;
  if (fd < 0 || fd >= 65536 || controls[fd] == NULL) return next(request);
  pthread_mutex_lock(&asking);
  struct asked *it = asked;
  while (it < asked + 512 && it->request) it++;
  if (it < asked + 512) it->request = request;
  pthread_mutex_unlock(&asking);
  if (it == asked + 512) { errno = EAGAIN; return -1; }
  strcpy(it->directory, controls[fd]->directory);
  it->error = EINPROGRESS;
  pthread_t thread;
  pthread_create(&thread, NULL, ask, it);
  pthread_detach(thread);
  return 0;
}

int aio_error(const struct aiocb *request) {
  int (*next)(const struct aiocb *) = real("aio_error");
  for (struct asked *it = asked; it < asked + 512; it++) {
    if (it->request != request) continue;
    int error = __atomic_load_n(&it->error, __ATOMIC_ACQUIRE);
    if (error != EINPROGRESS) it->request = NULL;
    return error;
  }
  return next(request);
}

ssize_t pread(int fd, void *into, size_t length, off_t offset) {
  ssize_t (*next)(int, void *, size_t, off_t) = real("pread");
  char path[PATH_MAX];
  ssize_t count = next(fd, into, length, offset);
  if (count <= 0 || !fault("nocount") || strcmp(file_of(fd, path), "memory.oom_control")) return count;
  char *line = memmem(into, count, "oom_kill ", 9);
  return line ? line - (char *)into : count;
}

// How the guard kills on cgroup v2. What it rehearses on is no cgroup, and harms nobody.
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  ssize_t (*next)(int, const void *, size_t, off_t) = real("pwrite");
  char path[PATH_MAX];
  int kills = (fault("diebefore") || fault("dieafter")) && !strcmp(file_of(fd, path), "cgroup.kill") &&
    !strncmp(path, "/sys/fs/cgroup/", 15);
  if (kills && fault("diebefore")) kill(getpid(), SIGKILL);
  ssize_t written = next(fd, data, length, offset);
  if (kills && fault("dieafter")) kill(getpid(), SIGKILL);
  return written;
}

int epoll_wait(int set, struct epoll_event *ready, int capacity, int timeout) {
  int (*next)(int, struct epoll_event *, int, int) = real("epoll_wait");
  int count = next(set, ready, capacity, timeout);
  const char *when = getenv("FAULT_WHEN");
  if (!fault("epoll") || sched_getscheduler(0) != SCHED_FIFO || !when || access(when, F_OK)) return count;
  errno = EBADF;
  return -1;
}

int inotify_init1(int flags) {
  int (*next)(int) = real("inotify_init1");
  if (!fault("noinotify")) return next(flags);
  errno = EMFILE;
  return -1;
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  if ((number == 424 || number == 434) && fault("nopidfd")) {
    errno = ENOSYS;
    return -1;
  }
  if (number == SYS_mlock2 && fault("nomlock2")) {
    errno = ENOSYS;
    return -1;
  }
  if (number == SYS_mlock2 && fault("eager")) c = 0;
  long (*next)(long, ...) = real("syscall");
  // Its rehearsals go this way too, without a signal.
  int kills = number == 424 && b == SIGKILL;
  if (kills && fault("diebefore")) kill(getpid(), SIGKILL);
  if (kills && fault("dieafter")) {
    next(number, a, b, c, d, e, f);
    kill(getpid(), SIGKILL);
  }
  return next(number, a, b, c, d, e, f);
}
