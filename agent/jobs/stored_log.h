#pragma once
// The log that a backup needs, looked for in its stores. Where a standby is backed up, another node puts it there.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "shared/os/clock.h"
#include "shared/os/stop.h"
#include "shared/repository/epoch.h"
#include "shared/repository/wal_reader.h"
#include "shared/store/store.h"

namespace holdfast {

// One database's, on one timeline.
class StoredLog {
 public:
  StoredLog(const StoreSet& stores, DatabaseId database, Timeline timeline)
      : stores_(stores), database_(database), timeline_(timeline) {}

  // The first position of [from, to) that no store has; nullopt: all of it is there. When something seems to be missing
  // and not every store could be asked: that store's error.
  Result<std::optional<Lsn>> first_missing(Lsn from, Lsn to) const;

  // Whether what is stored last goes back to `from` without a gap: what is missing behind it may still come, what is
  // missing before never will.
  Result<bool> goes_back_to(Lsn from) const;

  // Until all of [from, to) is there. Code::timed_out says how far it has come; `shipper` is the node that puts it.
  struct Patience {
    Micros longest{0};
    std::string shipper;
  };
  Result<> wait_for(Lsn from, Lsn to, const Patience& patience, Clock& clock, const StopToken& stop) const;

  // The data keys that [from, to) was written under; each is a sound one of this database.
  Result<std::set<EpochId>> epochs(Lsn from, Lsn to, const TrustAnchor& anchor) const;

 private:
  struct Listed {
    std::vector<WalName> names;
    std::map<std::string, std::uint64_t> sizes;  // by the object's whole name
    std::optional<Error> problem;                // of a store that could not be asked
  };
  Listed list() const;
  void add_from(std::size_t store, Listed& listed) const;

  const StoreSet& stores_;
  const DatabaseId database_;
  const Timeline timeline_;
};

}  // namespace holdfast
