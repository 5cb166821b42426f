/**
 * The command line of the board that is a process:
 *
 *     linger-fast MODULE.wasm tap:tap0 "ip=10.9.0.2/24 gateway=10.9.0.1"
 *     linger-wasm2c udp:7001:7002
 *     linger-fast MODULE.wasm tap:tap0 "ip=10.9.0.2/24" flash.bin
 *     linger-recorded MODULE.wasm tap:tap0 "ip=10.9.0.2/24" "" run.rec
 *
 * The fourth word is a file for snapshots: the key z puts the stack away, the next start takes it
 * up. The last one is where a board that is built for it records every input.
 * Reads the module from a file, where a board has it in flash, and the settings from an argument.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/services.h"
#include "../common/settings.h"
#include "board.h"
#include "linger.h"

#define DEFAULT_ADDRESS 0x0a090002u /* 10.9.0.2 */
#define DEFAULT_PREFIX_LENGTH 24

static struct linger_settings settings = {
    .address = DEFAULT_ADDRESS,
    .prefix_length = DEFAULT_PREFIX_LENGTH,
    .application = &linger_services,
};

#ifdef LINGER_ENGINE_WASM2C
#define WIRE 1
static bool read_module(const char *path) {
  (void)path;
  return true;
}
#else
#define WIRE 2
static bool read_module(const char *path) {
  FILE *const file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return false;
  const long length = ftell(file);
  uint8_t *const octets = malloc((size_t)length);
  rewind(file);
  const bool is_read = octets != NULL && fread(octets, 1, (size_t)length, file) == (size_t)length;
  fclose(file);
  settings.module.octets = octets;
  settings.module.length = (uint32_t)length;
  return is_read;
}
#endif

int main(int count, char **words) {
  if (count < WIRE + 1 || count > WIRE + 4) {
    fprintf(stderr, "usage: %s%s WIRE [SETTINGS [STORE [RECORDING]]]\n", words[0], WIRE == 2 ? " MODULE" : "");
    return 2;
  }
  if (!read_module(words[1])) {
    fprintf(stderr, "%s: cannot be read\n", words[1]);
    return 1;
  }
  const char *const text = count > WIRE + 1 ? words[WIRE + 1] : "";
  const char *const store_path = count > WIRE + 2 ? words[WIRE + 2] : "";
  const char *const store = *store_path != '\0' ? board_open_store(store_path) : NULL;
  const char *const recording = count > WIRE + 3 ? board_open_recording(words[WIRE + 3]) : NULL;
  const char *const unknown = linger_read_settings(text, (uint32_t)strlen(text), &settings);
  const char *const wrong = board_open_wire(words[WIRE]);
  if (unknown != NULL) fprintf(stderr, "settings: %s\n", unknown);
  if (wrong != NULL) fprintf(stderr, "%s: %s\n", words[WIRE], wrong);
  if (store != NULL) fprintf(stderr, "%s: %s\n", words[WIRE + 2], store);
  if (recording != NULL) fprintf(stderr, "%s: %s\n", words[WIRE + 3], recording);
  if (unknown != NULL || wrong != NULL || store != NULL || recording != NULL) return 2;
  return linger_run(&settings);
}
