#pragma once
// A store in one text, for commands that have no catalog to look it up in:
//   /backup
//   s3://BUCKET[/PREFIX]?endpoint=https://HOST[:PORT][&region=R][&addressing=path|host][&ca_file=F][&credentials=env|F]
// Without `endpoint` it is AWS's own of the region; without `credentials` they come from the environment.
#include <string_view>

#include "shared/fleet/fleet.h"

namespace holdfast {

// Named by its text. Code::invalid says which part will not do. Paths are made absolute.
Result<StoreInfo> parse_store_text(std::string_view text);

}  // namespace holdfast
