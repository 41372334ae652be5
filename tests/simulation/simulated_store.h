#pragma once
// The fleet's one store, as far as backups go: names and sizes, and which of them a record needs. It carries out what
// the coordinator's worker would, and watches that nothing goes which a record speaks of.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/core.h"

namespace holdfast {

class SimulatedStore {
 public:
  // A store, or a worker, with a fault that the watch must find.
  enum class Fault : std::uint8_t { none, hides_records };
  explicit SimulatedStore(Fault fault) : fault_(fault) {}

  void put(const std::string& name) { objects_[name] = 100; }
  // From here on the backup exists: with all that lies below its name, and these packs of others.
  void put_record(DatabaseId database, BackupId backup, const std::set<std::string>& needed);
  bool has_record(DatabaseId database, BackupId backup) const;

  BackupsListed carry_out(const ListBackups& work) const;
  StraysRemoved carry_out(const RemoveStrays& work);

  std::size_t swept() const { return swept_; }
  // Objects that a record needs and that are gone.
  std::vector<std::string> losses() const;

 private:
  Fault fault_;
  std::map<std::string, std::uint64_t> objects_;
  std::map<std::string, std::set<std::string>> records_;  // name of the record -> everything it needs
  std::size_t swept_ = 0;
};

}  // namespace holdfast
