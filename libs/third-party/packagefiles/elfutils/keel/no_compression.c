/* Stands in for elf_compress.c, which needs zlib: no section can be decompressed. */

#include <config.h>
#include "libelfP.h"
#include "common.h"

void *internal_function __libelf_decompress_elf(Elf_Scn *scn, size_t *size_out,
						size_t *addralign)
{
	(void)scn;
	(void)size_out;
	(void)addralign;
	__libelf_seterrno(ELF_E_DECOMPRESS_ERROR);
	return NULL;
}
