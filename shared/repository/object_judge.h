#pragma once
// Whether an object of a database is what its name says, without any key: packs and manifests by the SHA-256 in their
// record, everything else by its own signature.
#include <map>
#include <optional>

#include "shared/repository/backup_reader.h"
#include "shared/repository/layout.h"
#include "shared/repository/wal_object.h"

namespace holdfast {

// Code::denied: the signed header is of another object than this one.
Result<> check_wal_belongs(const WalHeader& header, const TrustAnchor& anchor, const EpochDocument& epoch,
                           DatabaseId database, const WalName& name);

// For one thread.
class ObjectJudge {
 public:
  // `epochs`: stores that have the epoch documents; any sound copy will do.
  ObjectJudge(StoreSet epochs, TrustAnchor anchor, DatabaseId database)
      : epochs_(std::move(epochs)), anchor_(anchor), database_(database) {}

  // From here on this object is judged by its size and hash.
  void expect(const StoredObject& object) { expected_.insert_or_assign(object.name, object); }
  // nullptr: it is judged by its signature.
  const StoredObject* expected(const std::string& name) const;
  // Code::corrupt or Code::denied says what is wrong with it; Code::unavailable: its epoch cannot be read.
  Result<> judge(const std::string& name, ByteView content);

 private:
  Result<> judge_signed(const std::string& name, ByteView content);
  Result<> judge_wal(const WalName& name, ByteView content);
  Result<const EpochDocument*> epoch(EpochId id);

  StoreSet epochs_;
  TrustAnchor anchor_;
  DatabaseId database_;
  std::map<std::string, StoredObject> expected_;
  std::map<EpochId, EpochDocument> known_epochs_;
};

}  // namespace holdfast
