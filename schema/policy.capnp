@0x95ffd8d098747c9b;
# What operators want for their databases. README.md says how these files may change and how times, ids and texts
# are written.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("holdfast::schema");

# One name and value of a thing's labels. Lists of labels are ordered by name and hold each name once.
struct Label {
  name @0 :Text;
  value @1 :Text;
}

# What an operator wants for the databases that match. The CLI sends it to the coordinator, which keeps it, shows it,
# and sends it to the agents as part of an assignment. Durations are microseconds, 0 in a retention rule means that
# the rule is not used.
struct Policy {
  name @0 :Text;  # unique in the fleet
  match @1 :List(Label);  # a database must have every one of these; none: it matches all
  revision @2 :UInt64;  # counted up by the coordinator at each change; 0 from the CLI
  full @3 :Text;  # cron line (five fields or a word such as @daily) for full backups; empty: never
  incremental @4 :Text;  # the same for incremental backups
  differential @5 :Text;  # the same for differential backups
  timezone @6 :Text;  # IANA name; the cron lines are meant in this zone
  window @7 :Text;  # "00:00-06:00": runs may start only then; empty: at any time
  splay @8 :Int64;  # width over which the fleet's starts are spread
  walShip @9 :Text;  # "stream" or "archive_command"
  rpoCut @10 :Int64;  # the longest that a received byte of WAL waits before its object is written
  objectiveRpo @11 :Int64;  # promised to users; breaking it alerts
  objectiveRto @12 :Int64;  # promised to users; breaking it alerts
  daily @13 :UInt32;  # newest backup of each of so many days is kept
  weekly @14 :UInt32;  # the same by week
  monthly @15 :UInt32;  # the same by month
  yearly @16 :UInt32;  # the same by year
  days @17 :UInt32;  # everything younger than so many days is kept
  minBackups @18 :UInt32;  # never fewer than so many
  maxBackups @19 :UInt32;  # never more than so many by rule
  pitr @20 :Int64;  # how far back every moment must be restorable
  maxBytes @21 :UInt64;  # stored bytes of one copy that a database's backups may take
  copiesWant @22 :UInt32;  # copies aimed at
  copiesMin @23 :UInt32;  # copies without which a backup does not count as made
  stores @24 :List(Text);  # names of stores in order of preference; none: every store, up to copiesWant
  spread @25 :Text;  # label whose values the copies should differ in
  lock @26 :Int64;  # object lock asked of the store
  verifyAfterBackup @27 :Text;  # "none", "sample" or "full"
  verifyFullEvery @28 :Int64;  # 0: never
  drillText @29 :Text;  # the drill settings as they were written, until drills exist
  recipients @30 :List(Text);  # names of public keys that can open the backups
  selfRestore @31 :Bool;  # true: a node may restore its own database without an operator
  perNode @32 :UInt32;  # backups at once on one node; 0: no limit
  perStore @33 :UInt32;  # backups at once into one store; 0: no limit
  bandwidth @34 :UInt64;  # bytes a second, 0: no limit
  cpuPercent @35 :UInt32;  # of one host; 0: no limit
  workers @36 :UInt32;  # reading threads; 0: half the cores, at least 2
  zstdLevel @37 :Int32;
  shutdownDrain @38 :Int64;  # how long running jobs may finish at shutdown
  shutdownCheckpointTimeout @39 :Int64;  # for the checkpoint before the database stops
  shutdownStopTimeout @40 :Int64;  # for the stop itself
  shutdownStopDatabase @41 :Bool;  # true: a shutdown of the node stops the database too
  prefer @42 :Text;  # "primary" or "standby": which of a streaming group's nodes takes the backups, when there is one
  hourly @43 :UInt32;  # as `daily`, by hour
  totalBytes @44 :UInt64;  # as `maxBytes`, of all databases together that have this policy
  perZone @45 :UInt32;  # backups at once in one zone; 0: no limit
  perFleet @46 :UInt32;  # backups at once in the fleet; 0: no limit
  shutdownMode @47 :Text;  # "fast" or "smart"; empty: fast
}
