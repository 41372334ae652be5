#pragma once
// One function for each noun, in the file of its name: puts the noun and its verbs into the grammar.
#include "coordinator/cli/grammar.h"

namespace holdfast {

void add_init(CommandWord root);
void add_status(CommandWord root);
void add_token(CommandWord root);
void add_node(CommandWord root);
void add_node_departures(CommandWord noun);  // verbs of it
void add_operator(CommandWord root);
void add_database(CommandWord root);
void add_store(CommandWord root);
void add_policy(CommandWord root);
void add_backup(CommandWord root);
void add_copy(CommandWord root);
void add_window(CommandWord root);
void add_restore(CommandWord root);
void add_retention(CommandWord root);
void add_job(CommandWord root);
// Its scripts are made from the whole grammar, which it keeps a reference to.
void add_completion(CommandWord root, const Grammar& grammar);

}  // namespace holdfast
