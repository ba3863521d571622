# SPDX-License-Identifier: Apache-2.0
# What marrow-agent marks unless told otherwise: all that a debugger session on a crash starts with. crash's
# sys, log, ps, bt -a, foreach bt, mod, runq, mach, irq, timer, dev, net, and mount, files and vm of the tasks that
# were running; drgn's tasks, stack traces, modules, mounts; gdb's backtraces of the CPUs.
# Not here: `kmem -i` and its like read all of mem_map, 16 MiB for each GiB of RAM; user-space memory and
# the open files of tasks that slept (tasks-full has those).
# Each entry says which tool needs it. The language: README.md beside this file.
include log

# ---- Start-up of crash: fixed places --------------------------------------------------------
symbol init_mm
symbol high_memory size 8
symbol _totalram_pages?totalram_pages
symbol sysrq_pressed size 4 optional
symbol nr_swapfiles size 4 optional  # CONFIG_SWAP
symbol node_states
symbol xen_start_info size 8 optional
symbol kmem_cache size 8 optional
symbol memory_block_size_probed size 8 optional
symbol idt_table optional
symbol nr_threads size 4
symbol nr_irqs size 4
symbol arch_task_struct_size size 4 optional
symbol modules size 16 optional
symbol taint_flags
symbol avenrun size 24 optional
symbol tk_core?timekeeper optional
symbol shadow_timekeeper optional

# CPUs. crash reads all of __per_cpu_offset: 64 KiB where NR_CPUS is 8192.
symbol __per_cpu_offset
symbol __cpu_possible_mask?cpu_possible_bits
symbol __cpu_present_mask?cpu_present_bits
symbol __cpu_online_mask?cpu_online_bits
symbol __cpu_active_mask?cpu_active_bits
symbol nr_cpu_ids size 4
symbol cpu_khz size 4 optional
percpu cpu_number size 4 optional

# Functions whose instructions tell crash how this kernel was built, and where a sleeping task goes on.
symbol __schedule size 12288
symbol __x64_sys_open size 16 optional
symbol __x64_sys_fork size 16 optional
symbol __x64_sys_read size 16 optional
symbol do_futex size 16 optional
symbol vfs_read size 16
symbol io_schedule_timeout size 12288
symbol common_interrupt?asm_common_interrupt size 64 optional

# Names that crash prints or decodes flags with.
type trace_print_flags class kernel-data
  name string 64
root pageflag_names object trace_print_flags elements 26 optional priority 2
root task_state_array string 64 count 9 optional priority 2
type pv_info
  name string 64
root pv_info?pv_ops object pv_info optional priority 1

# ---- Tasks ----------------------------------------------------------------------------------
# Sleeping ones: who they are and their stacks.
type task_struct class task
  tasks ring
  stack kernel-stack thread.sp
  signal pointer
  mm pointer
  active_mm pointer

type signal_struct class task
  thread_head list task_struct.thread_node

# Sizes, for ps.
type mm_struct class task

root init_task object task_struct priority 0
root percpu current_task optional pointer current_task priority 0
root percpu pcpu_hot optional object pcpu_hot priority 0

type pcpu_hot optional from 6.2
  current_task pointer current_task
  hardirq_stack_ptr pointer bytes 16376 adjust -16376

# Those that were running: also files, mappings and mounts.
type task_struct as current_task class task
  stack kernel-stack stack  # all of it: below an interrupt or a double fault nothing says how much is used
  signal pointer
  mm pointer current_mm
  active_mm pointer
  files pointer
  fs pointer
  nsproxy pointer
  real_cred pointer
  cred pointer

# Which task a pid is: crash and drgn list tasks by it.
type pid_namespace
  idr xarray pid
type pid
root init_pid_ns object pid_namespace priority 0

# ---- Stacks ---------------------------------------------------------------------------------
# Unwinders search the ORC tables for each return address, and look at the code around it.
orc
text before 2048 after 512
symbol lookup_num_blocks size 4 optional

root percpu cpu_tss_rw object tss_struct priority 1
type tss_struct bytes 104
  x86_tss.ist pointer bytes 8192 adjust -8192 count 4  # the fifth stack is mapped under SEV alone
root percpu hardirq_stack_ptr pointer bytes 16376 adjust -16376 optional priority 1

# What functions were called with.
live __start_rodata __end_rodata string 256 priority 4  # texts that gdb prints as arguments

# ---- Modules --------------------------------------------------------------------------------
# Their symbols; code only where a stack leads to it. crash reads the whole of a module's memory, and
# looks at nothing but the symbols in it: the rest is there as zeros.
type module
  kallsyms pointer
  core_layout.base pointer bytes core_layout.size max 64M zeros before 6.4
  mem embedded module_memory from 6.4
  syms pointer bytes 24 elements num_syms
  gpl_syms pointer bytes 24 elements num_gpl_syms
  arch.orc_unwind_ip orc arch.orc_unwind arch.num_orcs optional
  sect_attrs pointer optional
  notes_attrs pointer optional
  args string 256
  version string 64

type module_memory optional from 6.4
  base pointer bytes size max 64M zeros

type mod_kallsyms
  symtab pointer bytes 24 elements num_symtab
  strtab pointer bytes 16384 if-mapped  # the kernel does not say how large it is
  typetab pointer bytes 1 elements num_symtab

root modules list module.list priority 1

# ---- Scheduler ------------------------------------------------------------------------------
root percpu runqueues object rq priority 1
type rq
  curr pointer current_task
  idle pointer
  stop pointer
  leaf_cfs_rq_list list cfs_rq.leaf_cfs_rq_list optional
type cfs_rq
  tg pointer
type task_group
  parent pointer
  css.cgroup pointer
type cgroup bytes 512
  kn pointer
type kernfs_node
  name string 256
  parent?__parent pointer kernfs_node
symbol root_task_group size 512 optional

# ---- Memory layout --------------------------------------------------------------------------
# crash translates page frames with these at start-up; they do not grow with RAM below 16 GiB.
type mem_section_page bytes 4096
root mem_section table mem_section_page elements 4096 priority 1
type pglist_data bytes 16384
  node_zones embedded zone
  node_start_pfn embedded pglist_tail
type pglist_tail bytes 64
type zone
  name string 64
root node_data?contig_page_data pointer pglist_data count 64 priority 1

# Blocks of hot-pluggable memory, which crash counts.
type bus_type
  p pointer subsys_private before 6.4
type subsys_private
  klist_devices.k_list list device_private.knode_bus.n_node
type device_private
  device pointer memory_block.dev
type memory_block
  dev.kobj.name string 64
root memory_subsys object bus_type optional priority 3
root kmem_cache pointer kmem_cache optional priority 2
type kmem_cache bytes 128

# ---- Interrupts and timers ------------------------------------------------------------------
type irq_desc
  action chain irqaction.next
  irq_data.chip pointer
type irq_chip
  name string 64
type irqaction
  name string 64
root irq_desc_tree xarray irq_desc optional before 6.5 priority 2
root sparse_irqs maple irq_desc optional from 6.5 priority 2

type timer_base
  vectors hlist timer_list.entry
type timer_list
root percpu timer_bases object timer_base elements 2 priority 2

# ---- Devices --------------------------------------------------------------------------------
type char_device_struct
  cdev pointer
type cdev
root chrdevs chain char_device_struct.next count 255 optional priority 3
type kobj_map
  probes chain probe.next
type probe
  data pointer cdev
root cdev_map pointer kobj_map optional priority 3
type blk_major_name
root major_names chain blk_major_name.next count 255 optional priority 3
type super_block as bdev_super_block
  s_inodes list bdev_inode.vfs_inode.i_sb_list
type bdev_inode
  bdev.bd_disk pointer gendisk
type gendisk
root blockdev_superblock pointer bdev_super_block optional priority 3

# ---- Network --------------------------------------------------------------------------------
type net bytes 512
  dev_base_head list net_device.dev_list
type net_device
  ip_ptr pointer in_device
type in_device
  ifa_list chain in_ifaddr.ifa_next
root net_namespace_list list net.list priority 3

# ---- Files, mounts and mappings of the tasks that were running -------------------------------
root init_files object files_struct priority 3  # of the idle tasks
root init_fs object fs_struct priority 3
type files_struct class task
  fdt pointer
type fdtable class task
  fd table file elements max_fds max 65536
  open_fds pointer bytes 512
type file class task
  f_path.dentry pointer
  f_path.mnt pointer mount.mnt
  f_inode pointer
type dentry class task
  d_name.name string 256
  d_parent pointer
  d_inode pointer
type inode bytes 512 class task
type fs_struct class task
  root.dentry pointer
  root.mnt pointer mount.mnt
  pwd.dentry pointer
  pwd.mnt pointer mount.mnt

type nsproxy class task
  mnt_ns pointer
  net_ns pointer
  uts_ns pointer optional
  pid_ns_for_children pointer
type uts_namespace
type mnt_namespace
  list list mount.mnt_list optional before 6.8
  mounts rbtree mount.mnt_node optional from 6.8
  root pointer
type mount
  mnt_devname string 256
  mnt_parent pointer
  mnt_mountpoint pointer
  mnt.mnt_root pointer
  mnt.mnt_sb pointer
  mnt_mp pointer
type mountpoint
type super_block
  s_type pointer
  s_root pointer
type file_system_type
  name string 64

type mm_struct as current_mm class task
  mm_mt maple vm_area_struct optional
  mmap chain vm_area_struct.vm_next optional before 6.1
  exe_file pointer
type vm_area_struct class task
  vm_file pointer
