/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin-all-cpus: occupies every CPU with a real-time task that nothing preempts. No other program
 * runs any more, and there is no way back. Real-time throttling must be off.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static int spin_on(int cpu) {
  cpu_set_t only_this;
  CPU_ZERO(&only_this);
  CPU_SET((size_t)cpu, &only_this);
  const struct sched_param highest = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};
  if (sched_setaffinity(0, sizeof(only_this), &only_this) != 0 ||
      sched_setscheduler(0, SCHED_FIFO, &highest) != 0) {
    perror("spin-all-cpus");
    return 1;
  }
  for (;;) {
    __asm__ volatile("");
  }
}

int main(void) {
  for (int cpu = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1; cpu > 0; --cpu) {
    const pid_t child = fork();
    if (child < 0) {
      perror("fork");
      return 1;
    }
    if (child == 0) {
      return spin_on(cpu);
    }
  }
  return spin_on(0);
}
