/** All rules, for `tidy.test.ts`; a new one is added here. */
import { noAllocation, noMutableGlobals } from "./dialect.ts";
import { commands, contract, deviations, links, words } from "./documents.ts";
import { assemblyLayers, hostLayers } from "./layers.ts";
import { wrappingOrder } from "./order.ts";
import { functionLength, lineLength, parameterCount } from "./sizes.ts";
import { blanks, fileHeads, fileNames, machine } from "./text.ts";
import { deadFiles, unusedExports } from "./usage.ts";

export const RULES = [
  assemblyLayers,
  hostLayers,
  functionLength,
  parameterCount,
  lineLength,
  fileHeads,
  blanks,
  fileNames,
  machine,
  noAllocation,
  noMutableGlobals,
  wrappingOrder,
  deadFiles,
  unusedExports,
  contract,
  words,
  commands,
  links,
  deviations,
];
