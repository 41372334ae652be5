#pragma once
// The rows of a catalog that is made again: what the stores prove, and what the checkpoint remembers beside it. Pure.
#include "coordinator/catalog/store.h"
#include "coordinator/rebuild/differences.h"

namespace holdfast {

// Of one database; to be committed over the rows of the checkpoint. A backup whose record no store has is taken out:
// its checkpoint row alone restores nothing.
std::vector<CatalogChange> rebuilt_rows(const KnownDatabase& known, const StoredDatabase& stored,
                                        const std::set<std::string>& unread);

// The database itself, when the checkpoint does not know it: from its record, or else from its newest backup. nullopt:
// there is nothing to go by.
std::optional<Database> database_from_store(const StoredDatabase& stored);

// Nodes that wrote the database's objects, as the certificates in the epoch documents say: a node that enrolled after
// the checkpoint is known by these again. The newest certificate of each.
std::vector<Node> nodes_from_store(const StoredDatabase& stored, const SignPublicKey& root);

}  // namespace holdfast
