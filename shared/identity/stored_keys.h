#pragma once
// Key pairs in key files and back. The public half is worked out from the private one, never believed.
#include "shared/crypto/key_file.h"

namespace holdfast {

using KeyFacts = std::vector<std::pair<std::string, std::string>>;

KeyFile to_key_file(KeyKind kind, KeyFacts facts, const CurveKeyPair& pair);
KeyFile to_key_file(KeyKind kind, KeyFacts facts, const SignKeyPair& pair);
KeyFile to_key_file(KeyKind kind, KeyFacts facts, const BoxKeyPair& pair);

// Code::corrupt when the secret is none of this kind.
Result<CurveKeyPair> curve_pair(const KeyFile& file);
Result<SignKeyPair> sign_pair(const KeyFile& file);
Result<BoxKeyPair> box_pair(const KeyFile& file);

// Code::corrupt when there is no such fact.
Result<std::string> key_fact(const KeyFile& file, std::string_view name);

}  // namespace holdfast
