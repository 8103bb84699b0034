/** How a machine gets into the fleet. */
export type AddWay = 'ssh' | 'list' | 'hand';
