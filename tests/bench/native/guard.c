// The least a guard on cgroup v1 can be, to measure oom-guard against: one threshold, no policy, no page cache, no
// record. Runs at the same real-time priority as oom-guard's sentinel thread. Blocks on the threshold's eventfd, then
// SIGKILLs everything in the cgroup.
//   guard CGROUP_DIRECTORY THRESHOLD_BYTES
// Prints the microseconds that registering took, and after the kill those from waking up to the last SIGKILL.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static char path[4096], text[65536];

static int open_in(const char *directory, const char *file, int flags) {
  snprintf(path, sizeof path, "%s/%s", directory, file);
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) { perror(path); exit(2); }
  return fd;
}

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long long threshold = atoll(argv[2]);
  int event = eventfd(0, EFD_CLOEXEC);
  int usage = open_in(argv[1], "memory.usage_in_bytes", O_RDONLY);
  int control = open_in(argv[1], "cgroup.event_control", O_WRONLY);
  int length = snprintf(text, sizeof text, "%d %d %lld", event, usage, threshold);
  double asked = now_us();
  if (write(control, text, length) != length) { perror("cgroup.event_control"); return 2; }
  sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
  printf("%.0f\n", now_us() - asked);
  fflush(stdout);
  uint64_t fired;
  while (read(event, &fired, sizeof fired) == sizeof fired) {
    double woke = now_us();
    ssize_t count = pread(usage, text, sizeof text - 1, 0);
    if (count <= 0) return 1;
    text[count] = 0;
    if (atoll(text) < threshold) continue;
    // Opened afresh: through a kept descriptor the kernel serves a list up to a second old.
    int procs = open_in(argv[1], "cgroup.procs", O_RDONLY);
    count = read(procs, text, sizeof text - 1);
    if (count < 0) return 1;
    text[count] = 0;
    for (char *line = text; *line; line = strchr(line, '\n') + 1) kill(atoi(line), SIGKILL);
    printf("%.0f\n", now_us() - woke);
    return 0;
  }
  return 1;
}
