/**
 * The firmware of a board without an operating system: the settings from their partition, the
 * module from its own, then the loop. An application in C serves modules that bring none.
 */
#include <stddef.h>

#include "../../src/report.h"
#include "../cortex-m/cortex-m.h"
#include "linger.h"
#include "services.h"
#include "settings.h"

#define SETTINGS_OCTETS 256
#define DEFAULT_ADDRESS 0x0a090002u /* 10.9.0.2 */
#define DEFAULT_PREFIX_LENGTH 24

/* From the linker's script: places in flash. */
extern const uint8_t linger_settings_partition[];
extern const uint8_t linger_module_partition[];
extern const uint8_t linger_module_partition_end[];

static struct linger_settings settings = {
    .address = DEFAULT_ADDRESS,
    .prefix_length = DEFAULT_PREFIX_LENGTH,
    .application = &linger_services,
};

void board_start(void);

/** True when the engine needs no module, since it was compiled with one. */
static bool find_module(void) {
#ifdef LINGER_ENGINE_WASM2C
  return true;
#else
  const uint32_t octets = (uint32_t)(linger_module_partition_end - linger_module_partition);
  return linger_find_module(linger_module_partition, octets, &settings.module);
#endif
}

int main(void) {
  const char *const text = (const char *)linger_settings_partition;
  board_start();
  linger_report("%s, %s", LINGER_BOARD, LINGER_ENGINE);
  if (cortex_m_fault_count() != 0) {
    linger_report("started again after %u faults", (unsigned)cortex_m_fault_count());
  }
  const char *const wrong = linger_read_settings(text, SETTINGS_OCTETS, &settings);
  if (wrong != NULL) {
    linger_report("the settings have a word at %u that is none of ip=, gateway=, msl=, seed=",
                  (unsigned)(wrong - text));
    return 1;
  }
  return find_module() ? linger_run(&settings) : 1;
}
