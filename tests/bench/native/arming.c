// Makes cgroups with a limit, one after the other, and measures from outside how long a guard takes to arm each: its
// descriptor of an epoll set tells by fdinfo how much it waits for.
//   arming TOP_DIRECTORY LIMIT_BYTES COUNT EPOLL_FDINFO_FILE REGISTRATIONS
// Prints for each: the microseconds from the limit's being written to the first registration in the epoll set, and to the
// last of REGISTRATIONS; -1 where that did not come within a second.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US 1e6
#define LOOK_EVERY_US 100

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int waited_for(const char *fdinfo) {
  static char text[1 << 16];
  int fd = open(fdinfo, O_RDONLY);
  if (fd < 0) { perror(fdinfo); exit(2); }
  size_t length = 0;
  for (ssize_t got; length < sizeof text - 1 && (got = read(fd, text + length, sizeof text - 1 - length)) > 0;) length += got;
  close(fd);
  text[length] = 0;
  int count = 0;
  for (char *at = text; (at = strstr(at, "tfd:")); at += 4) count++;
  return count;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int count = atoi(argv[3]), registrations = atoi(argv[5]);
  prctl(PR_SET_TIMERSLACK, 1000);
  for (int i = 0; i < count; i++) {
    char directory[4096], file[4200];
    snprintf(directory, sizeof directory, "%s/armed-%d", argv[1], i);
    snprintf(file, sizeof file, "%s/memory.limit_in_bytes", directory);
    int before = waited_for(argv[4]);
    if (mkdir(directory, 0755)) { perror(directory); return 2; }
    int fd = open(file, O_WRONLY);
    if (fd < 0 || write(fd, argv[2], strlen(argv[2])) < 0) { perror(file); return 2; }
    double limited = now_us(), first = -1, last = -1;
    close(fd);
    while (last < 0 && now_us() - limited < PATIENCE_US) {
      int more = waited_for(argv[4]) - before;
      double us = now_us() - limited;
      if (first < 0 && more > 0) first = us;
      if (more >= registrations) last = us;
      else usleep(LOOK_EVERY_US);
    }
    printf("%.0f %.0f\n", first, last);
    // Of the next one only what it adds must be seen.
    rmdir(directory);
    for (double gone = now_us(); waited_for(argv[4]) > before && now_us() - gone < PATIENCE_US;) usleep(1000);
  }
  return 0;
}
