#pragma once
// The form of state.db: which steps made it, and whether this program may go on with what an earlier one left.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/crypto/keys.h"
#include "shared/sqlite/connection.h"

namespace holdfast {

// What is noted of one step, before it begins and in the transaction that it is part of.
struct SchemaMark {
  std::int64_t number = 0;  // from 1
  Bytes checksum;           // SHA-256 of its text
  enum class Progress : std::uint8_t { begun = 0, done = 1 } progress = Progress::done;
  friend bool operator==(const SchemaMark&, const SchemaMark&) = default;
};

// What a file says of its own form.
struct SchemaFacts {
  std::int64_t version = 0;                      // how many steps were taken
  std::optional<std::vector<SchemaMark>> marks;  // ordered by number; nullopt: an agent wrote it that made none
};

struct SchemaPlan {
  std::int64_t from = 0;                // the steps behind this one are to be taken
  std::optional<std::int64_t> cut_off;  // this step began once and left nothing
  enum class Marks : std::uint8_t { are_there, to_make } marks = Marks::are_there;
};

// Pure. `known`: the checksums of this program's steps, in order. Code::unsupported: a newer agent's, or one's that
// took other steps. Code::corrupt: what it says of itself cannot come from any agent.
Result<SchemaPlan> judge_schema(const SchemaFacts& found, std::span<const Sha256> known);

// Reads the facts; changes nothing.
Result<SchemaFacts> read_schema(SqliteConnection& connection);

// Takes the steps that are missing, each with its mark in a transaction of its own: a crash leaves a whole step or
// none. Returns the sentence to tell when an earlier try had been cut off. The caller keeps other agents out.
Result<std::optional<std::string>> bring_up_to_date(SqliteConnection& connection);

// Code::unsupported and Code::corrupt as judge_schema(); an older file is fine.
Result<> check_readable(SqliteConnection& connection);

// SQLite's own look at every page. Code::corrupt with what it found.
Result<> check_sound(SqliteConnection& connection);

}  // namespace holdfast
