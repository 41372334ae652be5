#pragma once
// Entering the WAL in the middle of a page. Pure.
#include "agent/changes/wal_page.h"

namespace holdfast {

// Whether a record begins at `at`, judged by what lies between it and the end of its page (`rest`, not empty, `at` a
// multiple of 8) and by the header of the next page: each record that ends on the page has a CRC that fits and names
// the one before it, and the last one fits the next page's header. Data that look like this by chance are as rare as a
// false CRC; to look for such a place is another thing than to be told of it, so this must not be tried at many
// positions.
bool record_begins_at(Lsn at, ByteView rest, const std::optional<WalPageHeader>& next_page);

}  // namespace holdfast
