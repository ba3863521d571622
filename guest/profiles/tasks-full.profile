# SPDX-License-Identifier: Apache-2.0
# As crash.profile, and files, mounts and mappings of every task, not only of those that were running:
# crash's `foreach files`, `foreach vm`. Grows with the number of tasks, a few pages for each.
include crash

type task_struct as every_task class task
  tasks ring
  stack kernel-stack thread.sp
  signal pointer every_signal
  mm pointer current_mm
  files pointer
  fs pointer
  nsproxy pointer
  real_cred pointer
type signal_struct as every_signal class task
  thread_head list every_task.thread_node
root init_task object every_task priority 4
