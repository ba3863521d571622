// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Ways for a test guest to die inside a module's code. Writing one of their names to the parameter
 * `how` starts it: echo null >/sys/module/marrow_crash/parameters/how
 *
 * Each way has a function of its own that is not inlined, to be looked for in backtraces.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/smp.h>

static noinline void marrow_crash_null(void)
{
	int *volatile nowhere = NULL;

	*nowhere = 1;
}

static noinline enum hrtimer_restart marrow_crash_bug_irq(struct hrtimer *timer)
{
	BUG();
	return HRTIMER_NORESTART;
}

/* The interrupt finds this task on its CPU. */
static noinline void marrow_crash_wait_for_bug_irq(void)
{
	static struct hrtimer timer;

	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	timer.function = marrow_crash_bug_irq;
	preempt_disable();
	hrtimer_start(&timer, ms_to_ktime(20), HRTIMER_MODE_REL_PINNED_HARD);
	for (;;)
		barrier();
}

static noinline unsigned long marrow_crash_recurse(unsigned long depth)
{
	volatile unsigned long frame[64];

	frame[depth % 64] = depth;
	barrier();
	return marrow_crash_recurse(depth + 1) + frame[(depth + 1) % 64];
}

static noinline void marrow_crash_soft_lockup(void)
{
	preempt_disable();
	for (;;)
		barrier();
}

static DECLARE_COMPLETION(marrow_crash_never);

static noinline int marrow_crash_hung(void *unused)
{
	wait_for_completion(&marrow_crash_never);
	return 0;
}

static void marrow_crash_hung_task(void)
{
	kthread_run(marrow_crash_hung, NULL, "marrow_hung");
}

static noinline void marrow_crash_irqs_off(void *unused)
{
	local_irq_disable();
	for (;;)
		barrier();
}

static int marrow_crash_set(const char *how, const struct kernel_param *unused)
{
	if (sysfs_streq(how, "null"))
		marrow_crash_null();
	else if (sysfs_streq(how, "bug-irq"))
		marrow_crash_wait_for_bug_irq();
	else if (sysfs_streq(how, "stack-overflow"))
		pr_info("depth %lu\n", marrow_crash_recurse(0));
	else if (sysfs_streq(how, "soft-lockup"))
		marrow_crash_soft_lockup();
	else if (sysfs_streq(how, "hung-task"))
		marrow_crash_hung_task();
	else if (sysfs_streq(how, "irqs-off"))
		on_each_cpu(marrow_crash_irqs_off, NULL, 0);
	else
		return -EINVAL;
	return 0;
}

static const struct kernel_param_ops marrow_crash_ops = {
	.set = marrow_crash_set,
};
module_param_cb(how, &marrow_crash_ops, NULL, 0200);
MODULE_PARM_DESC(how, "null, bug-irq, stack-overflow, soft-lockup, hung-task or irqs-off");

static int __init marrow_crash_init(void)
{
	return 0;
}

static void __exit marrow_crash_exit(void)
{
}

module_init(marrow_crash_init);
module_exit(marrow_crash_exit);
MODULE_DESCRIPTION("Ways for a test guest to die");
MODULE_LICENSE("GPL");
