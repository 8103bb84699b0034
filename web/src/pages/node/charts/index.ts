import { DEVICE_CHARTS } from './devices';
import { MACHINE_CHARTS } from './machine';
import { MEMORY_CHARTS } from './memory';
import type { ChartDef } from './model';

/** All charts of a node, in reading order. One without data is left out of the page. */
export const CHARTS: readonly ChartDef[] = [
  MACHINE_CHARTS.cpu,
  MEMORY_CHARTS.memory,
  MACHINE_CHARTS.loads,
  MACHINE_CHARTS.cores,
  DEVICE_CHARTS.network,
  DEVICE_CHARTS.diskIo,
  DEVICE_CHARTS.filesystems,
  DEVICE_CHARTS.diskBusy,
  MACHINE_CHARTS.temperatures,
  MEMORY_CHARTS.swap,
  DEVICE_CHARTS.packets,
  DEVICE_CHARTS.diskOps,
  DEVICE_CHARTS.errors,
  DEVICE_CHARTS.inodes,
  MACHINE_CHARTS.connections,
  MACHINE_CHARTS.processes,
];
