#pragma once
// Whether two files of a relation say the same, leaving out what PostgreSQL itself does not write to the WAL: hint
// bits, free space, marks on dead index entries. The rules are those of the server's own comparison after replay
// (access/common/bufmask.c, heap_mask, btree_mask, gin_mask, spg_mask).
#include <string>
#include <vector>

namespace holdfast {

enum class PageKind : std::uint8_t { heap, btree, gin, spgist, other_index };

// One line for each page that differs ("block 7: byte 120"), at most `limit`. Pages of zeros behind the end of the
// other file are no difference: the server adds pages to a file without a word in the WAL.
std::vector<std::string> compare_relation_files(const std::string& one, const std::string& other, PageKind kind,
                                                std::size_t limit = 5);

}  // namespace holdfast
