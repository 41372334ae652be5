#include "coordinator/core/rehearsal.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

std::string job_sentence(const CoreState& state, const Job& job) {
  std::string text(word(job.kind));
  if (const Database* database = state.database(job.database)) text += fmt::format(" of database {}", database->name);
  return fmt::format("{} on node {} ordered (dry run)", text, state.node_name(job.node));
}

// What was made does not exist: neither the id of a job nor a token's text may look as if it did.
struct Sentences {
  const CoreState& state;
  OperatorReplyBody operator()(const DoneReply& done) const {
    DoneReply would;
    for (const auto& line : done.lines) would.lines.push_back(line + " (dry run)");
    return would;
  }
  OperatorReplyBody operator()(const TokenReply& made) const {
    return DoneReply{{fmt::format("token with {} {}, good until {}, made (dry run)", made.token.uses_total,
                                  made.token.uses_total == 1 ? "use" : "uses", to_rfc3339(made.token.expires_at))}};
  }
  OperatorReplyBody operator()(const JobsReply& started) const {
    DoneReply would{started.warnings};
    for (const JobId id : started.jobs) would.lines.push_back(job_sentence(state, state.jobs.at(id).job));
    return would;
  }
  OperatorReplyBody operator()(const ListReply& let_in) const {
    const Operator& made = let_in.operators.front();
    return DoneReply{{fmt::format("operator {} with the role {} let in (dry run)", made.name, word(made.role))}};
  }
  // These say what would be already.
  OperatorReplyBody operator()(const PolicyReply& policy) const { return policy; }
  OperatorReplyBody operator()(const RestorePlanReply& plan) const { return plan; }
  OperatorReplyBody operator()(const VerifyPlanReply& plan) const { return plan; }
  OperatorReplyBody operator()(const RetentionReply& decisions) const { return decisions; }
  OperatorReplyBody operator()(const Refused& refused) const { return refused; }
};

}  // namespace

OperatorReplyBody rehearse(CoreState& state, Timestamp now, const std::string& who, const OperatorBody& body) {
  Knowledge before = state;
  Turn turn(state, now);  // its effects go nowhere
  const Answer answer = carry_out(turn, who, body);
  OperatorReplyBody told;
  if (!answer) {
    told = Refused{answer.error().code, answer.error().message, answer.error().hint};
  } else if (std::holds_alternative<ListRequest>(body)) {
    told = *answer;
  } else {
    told = std::visit(Sentences{state}, *answer);
  }
  static_cast<Knowledge&>(state) = std::move(before);
  return told;
}

}  // namespace holdfast
