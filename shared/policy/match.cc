#include <algorithm>

#include "shared/policy/policy.h"

namespace holdfast {

PolicyMatch match_policy(const std::vector<Policy>& policies, const Labels& labels) {
  const auto fits = [&labels](const Policy& policy) {
    return std::ranges::all_of(policy.match, [&labels](const auto& wanted) {
      const auto label = labels.find(wanted.first);
      return label != labels.end() && label->second == wanted.second;
    });
  };
  std::vector<const Policy*> best;
  for (const Policy& policy : policies) {
    if (!fits(policy)) continue;
    if (!best.empty() && policy.match.size() < best.front()->match.size()) continue;
    if (!best.empty() && policy.match.size() > best.front()->match.size()) best.clear();
    best.push_back(&policy);
  }
  PolicyMatch match;
  if (best.empty()) return match;
  std::ranges::sort(best, {}, &Policy::name);
  match.policy = best.front();
  if (best.size() > 1) {
    for (const Policy* policy : best) match.conflict.push_back(policy->name);
  }
  return match;
}

}  // namespace holdfast
