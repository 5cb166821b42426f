/** What stands in the way of a program, a library or a right, and the command that gets it. */
export function findObstacle(need: string): { reason: string; get: string } | undefined;
