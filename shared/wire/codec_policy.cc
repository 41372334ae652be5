#include "shared/wire/codec_structs.h"

namespace holdfast {

void write_to(schema::Policy::Builder to, const Policy& from) {
  to.setName(text_of(from.name));
  write_labels(to.initMatch(count(from.match)), from.match);
  to.setRevision(from.revision);
  to.setFull(text_of(from.full));
  to.setIncremental(text_of(from.incremental));
  to.setDifferential(text_of(from.differential));
  to.setTimezone(text_of(from.timezone));
  to.setWindow(text_of(from.window));
  to.setSplay(from.splay.count());
  to.setWalShip(text_of(from.wal_ship));
  to.setRpoCut(from.rpo_cut.count());
  to.setObjectiveRpo(from.objective_rpo.count());
  to.setObjectiveRto(from.objective_rto.count());
  to.setHourly(from.hourly);
  to.setDaily(from.daily);
  to.setWeekly(from.weekly);
  to.setMonthly(from.monthly);
  to.setYearly(from.yearly);
  to.setDays(from.days);
  to.setMinBackups(from.min_backups);
  to.setMaxBackups(from.max_backups);
  to.setPitr(from.pitr.count());
  to.setMaxBytes(from.max_bytes);
  to.setTotalBytes(from.total_bytes);
  to.setCopiesWant(from.copies_want);
  to.setCopiesMin(from.copies_min);
  write_texts(to.initStores(count(from.stores)), from.stores);
  to.setSpread(text_of(from.spread));
  to.setLock(from.lock.count());
  to.setVerifyAfterBackup(text_of(from.verify_after_backup));
  to.setVerifyFullEvery(from.verify_full_every.count());
  to.setDrillText(text_of(from.drill_text));
  write_texts(to.initRecipients(count(from.recipients)), from.recipients);
  to.setSelfRestore(from.self_restore);
  to.setPerNode(from.per_node);
  to.setPerStore(from.per_store);
  to.setPerZone(from.per_zone);
  to.setPerFleet(from.per_fleet);
  to.setBandwidth(from.bandwidth);
  to.setCpuPercent(from.cpu_percent);
  to.setWorkers(from.workers);
  to.setZstdLevel(from.zstd_level);
  to.setShutdownDrain(from.shutdown_drain.count());
  to.setShutdownCheckpointTimeout(from.shutdown_checkpoint_timeout.count());
  to.setShutdownStopTimeout(from.shutdown_stop_timeout.count());
  to.setShutdownStopDatabase(from.shutdown_stop_database);
  to.setShutdownMode(text_of(from.shutdown_mode));
  to.setPrefer(text_of(from.prefer));
}

Policy read_from(schema::Policy::Reader from, Reading& reading) {
  Policy out;
  out.name = reading.text(from.getName());
  out.match = read_labels(from.getMatch(), reading);
  out.revision = from.getRevision();
  out.full = reading.text(from.getFull());
  out.incremental = reading.text(from.getIncremental());
  out.differential = reading.text(from.getDifferential());
  out.timezone = reading.text(from.getTimezone());
  out.window = reading.text(from.getWindow());
  out.splay = reading.duration(from.getSplay());
  out.wal_ship = reading.text(from.getWalShip());
  out.rpo_cut = reading.duration(from.getRpoCut());
  out.objective_rpo = reading.duration(from.getObjectiveRpo());
  out.objective_rto = reading.duration(from.getObjectiveRto());
  out.hourly = from.getHourly();
  out.daily = from.getDaily();
  out.weekly = from.getWeekly();
  out.monthly = from.getMonthly();
  out.yearly = from.getYearly();
  out.days = from.getDays();
  out.min_backups = from.getMinBackups();
  out.max_backups = from.getMaxBackups();
  out.pitr = reading.duration(from.getPitr());
  out.max_bytes = from.getMaxBytes();
  out.total_bytes = from.getTotalBytes();
  out.copies_want = from.getCopiesWant();
  out.copies_min = from.getCopiesMin();
  out.stores = read_texts(from.getStores(), reading);
  out.spread = reading.text(from.getSpread());
  out.lock = reading.duration(from.getLock());
  out.verify_after_backup = reading.text(from.getVerifyAfterBackup());
  out.verify_full_every = reading.duration(from.getVerifyFullEvery());
  out.drill_text = reading.text(from.getDrillText());
  out.recipients = read_texts(from.getRecipients(), reading);
  out.self_restore = from.getSelfRestore();
  out.per_node = from.getPerNode();
  out.per_store = from.getPerStore();
  out.per_zone = from.getPerZone();
  out.per_fleet = from.getPerFleet();
  out.bandwidth = from.getBandwidth();
  out.cpu_percent = from.getCpuPercent();
  out.workers = from.getWorkers();
  out.zstd_level = from.getZstdLevel();
  out.shutdown_drain = reading.duration(from.getShutdownDrain());
  out.shutdown_checkpoint_timeout = reading.duration(from.getShutdownCheckpointTimeout());
  out.shutdown_stop_timeout = reading.duration(from.getShutdownStopTimeout());
  out.shutdown_stop_database = from.getShutdownStopDatabase();
  out.shutdown_mode = reading.text(from.getShutdownMode());
  out.prefer = reading.text(from.getPrefer());
  return out;
}

}  // namespace holdfast
