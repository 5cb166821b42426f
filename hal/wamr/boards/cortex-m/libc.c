/**
 * What newlib asks of a system when WAMR formats a message: memory, of which there is none beyond
 * what is reserved at compile time.
 */
#include <stddef.h>
#include <stdint.h>

void *_sbrk(ptrdiff_t octets);
void *_sbrk(ptrdiff_t octets) {
  (void)octets;
  return (void *)(intptr_t)-1;
}
