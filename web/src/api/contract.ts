/**
 * The types that the pages use, held against those of the API's description: what it
 * promises to answer fits what they read. Checked by the compiler; nothing of it runs.
 */
import type * as Events from './events';
import type * as History from './history-status';
import type * as Jobs from './job';
import type * as Packages from './packages';
import type * as Said from './schema';
import type * as Ssh from './ssh';
import type * as Types from './types';

type Fits<Answer extends Read, Read> = [Answer, Read];

export type Contract = [
  Fits<Said.Session, Types.Session>,
  Fits<Said.Node, Types.Node>,
  Fits<Said.NewNode, Types.AddedNode>,
  Fits<Said.Identity, Types.Identity>,
  Fits<Said.Summary, Types.Summary>,
  Fits<Said.Spark, Types.Spark>,
  Fits<Said.Gap, Types.Gap>,
  Fits<Said.History, Types.History>,
  Fits<Said.HistorySeries, Types.HistorySeries>,
  Fits<Said.Event, Events.FleetEvent>,
  Fits<Said.Events, Events.EventPage>,
  Fits<Said.HistoryStatus, History.HistoryStatus>,
  Fits<Said.HistoryHealth, History.HistoryHealth>,
  Fits<Said.HistoryWriter, History.HistoryWriter>,
  Fits<Said.HistoryClock, History.HistoryClock>,
  Fits<Said.Job, Jobs.Job>,
  Fits<Said.JobStep, Jobs.JobStep>,
  Fits<Said.JobError, Jobs.JobError>,
  Fits<Said.Jobs, Jobs.JobPage>,
  Fits<Said.JobOutput, Jobs.JobOutput>,
  Fits<Said.PackageUpgrade, Packages.Upgradable>,
  Fits<Said.Packages, Packages.NodePackages>,
  Fits<Said.InstalledPackages, Packages.InstalledPage>,
  Fits<Said.FoundPackages, Packages.SearchAnswer>,
  Fits<Said.PackageDetails, Packages.PackageDetails>,
  Fits<Said.PackageRepair, Packages.Repair>,
  Fits<Said.PackageRefusal, Packages.Refusal>,
  Fits<Said.PackagesPreview, Packages.Preview>,
  Fits<Said.FleetPackages, Packages.FleetPackages>,
  Fits<Said.PackagesPreviewCounts, Packages.Counts>,
  Fits<Said.LeftOutNode, Packages.LeftOutNode>,
  Fits<Said.PackagesFleetPreview, Packages.FleetPreviewPage>,
  Fits<Said.CheckStep, Ssh.CheckStep>,
  Fits<Said.ShownHostKey, Ssh.ShownKey>,
  Fits<Said.NodeCheck, Ssh.CheckReport>,
  Fits<Said.Connection, Ssh.Connection>,
  Fits<Said.ImportHost, Ssh.ImportHost>,
];
