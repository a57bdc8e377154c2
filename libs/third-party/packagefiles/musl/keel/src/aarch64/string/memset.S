// void *memset(void *destination, int value, size_t count), with general registers only.
//
// Upstream's uses SIMD registers, which a service without FP must not touch. Both ends are stored
// unaligned and may overlap what the loops store, so no length needs a byte loop.

.global memset
.type memset, %function
memset:
	and	x1, x1, #0xff
	mov	x3, #0x0101010101010101
	mul	x1, x1, x3
	add	x4, x0, x2			// the end
	cmp	x2, #16
	b.lo	.Lshort

	stp	x1, x1, [x0]
	stp	x1, x1, [x4, #-16]
	and	x3, x0, #-16
	add	x3, x3, #16			// the first aligned 16 bytes not yet stored
	sub	x4, x4, #16
	sub	x5, x4, #48
	cmp	x3, x5
	b.ge	.Ltail
.Lloop64:
	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	stp	x1, x1, [x3, #32]
	stp	x1, x1, [x3, #48]
	add	x3, x3, #64
	cmp	x3, x5
	b.lt	.Lloop64
.Ltail:
	cmp	x3, x4
	b.hs	.Ldone
	stp	x1, x1, [x3], #16
	b	.Ltail
.Ldone:
	ret

.Lshort:
	tbz	x2, #3, 1f
	str	x1, [x0]
	str	x1, [x4, #-8]
	ret
1:	tbz	x2, #2, 2f
	str	w1, [x0]
	str	w1, [x4, #-4]
	ret
2:	cbz	x2, .Ldone
	strb	w1, [x0]
	tbz	x2, #1, .Ldone
	strh	w1, [x4, #-2]
	ret
.size memset, .-memset
