#include "coordinator/shell/store_opener.h"

#include <fmt/format.h>

#include "shared/store/opening/presigned_s3.h"
#include "shared/store/posix_store.h"

namespace holdfast {

// Opened for each work anew: settings and credentials change, and connections are not worth keeping for so little.
OpenStore store_opener(const StoreSurroundings& surroundings, VaultAccess* vaults) {
  return [surroundings, vaults](const StoreInfo& info) -> Result<std::shared_ptr<Store>> {
    switch (info.kind) {
      case StoreKind::posix:
        return std::make_shared<PosixStore>(surroundings.files, info.path,
                                            PosixFirstUse{PosixFirstUse::Rule::must_be_there});
      case StoreKind::s3: {
        auto bucket = TRY(open_s3(info.s3, surroundings, info.abilities));
        if (info.s3.hosts == S3Place::Hosts::own_key) return bucket;
        return as_lent_bucket(std::move(bucket), info.s3, surroundings);
      }
      case StoreKind::peer:
        if (vaults != nullptr) return vaults->open(info);
        break;
    }
    return fail(Code::unsupported,
                fmt::format("store \"{}\" is another node's and is not reached from here", info.name));
  };
}

}  // namespace holdfast
