// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Stacks and the switch between them; nothing about who goes on when. */
#include "tests/interleave/coro.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "tests/interleave/sanitize.h"

#define STACK_SIZE (256 * 1024)
#define GUARD_SIZE 4096

#ifdef IL_ASAN
#include <sanitizer/common_interface_defs.h>

static struct il_coro *left; /* who was left last, to learn where its stack is */
#endif

static int stack_new(struct il_coro *coro)
{
	char *memory = mmap(NULL, STACK_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(memory, GUARD_SIZE, PROT_NONE)) {
		munmap(memory, STACK_SIZE + GUARD_SIZE);
		return -ENOMEM;
	}
	coro->stack = memory + GUARD_SIZE;
	coro->size = STACK_SIZE;
	return 0;
}

#ifdef __x86_64__
/* Saves what a call preserves, changes the stack, and returns there. */
void il_coro_jump(void **save, void *sp);
__asm__(".text\n"
	".type il_coro_jump,@function\n"
	".hidden il_coro_jump\n"
	".globl il_coro_jump\n"
	"il_coro_jump:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size il_coro_jump,.-il_coro_jump\n");

#define SAVED_REGISTERS 6

static void context_reset(struct il_coro *coro, void (*entry)(void))
{
	uintptr_t *top = (uintptr_t *)((char *)coro->stack + coro->size);

	*--top = 0; /* where @entry would return to: keeps the stack aligned as after a call */
	*--top = (uintptr_t)entry;
	for (int i = 0; i < SAVED_REGISTERS; i++)
		*--top = 0;
	coro->sp = top;
}

static void context_switch(struct il_coro *from, struct il_coro *to)
{
	void *nowhere;

	il_coro_jump(from ? &from->sp : &nowhere, to->sp);
}
#else
static void context_reset(struct il_coro *coro, void (*entry)(void))
{
	getcontext(&coro->context);
	coro->context.uc_stack.ss_sp = coro->stack;
	coro->context.uc_stack.ss_size = coro->size;
	coro->context.uc_link = NULL;
	makecontext(&coro->context, entry, 0);
}

static void context_switch(struct il_coro *from, struct il_coro *to)
{
	if (from)
		swapcontext(&from->context, &to->context);
	else
		setcontext(&to->context);
}
#endif

int il_coro_reset(struct il_coro *coro, void (*entry)(void))
{
	int rc;

	if (!coro->stack) {
		rc = stack_new(coro);
		if (rc)
			return rc;
	}
	il_unpoison(coro->stack, coro->size);
	context_reset(coro, entry);
	return 0;
}

void il_coro_entered(void)
{
#ifdef IL_ASAN
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(NULL, &bottom, &size);
	if (left && !left->stack) {
		left->stack = (void *)(uintptr_t)bottom;
		left->size = size;
	}
#endif
}

void il_coro_switch(struct il_coro *from, struct il_coro *to)
{
#ifdef IL_ASAN
	left = from;
	__sanitizer_start_switch_fiber(from ? &from->fake : NULL, to->stack, to->size);
#endif
	context_switch(from, to);
#ifdef IL_ASAN
	__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}
