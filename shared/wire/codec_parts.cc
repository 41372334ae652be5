#include "shared/wire/codec_parts.h"

#include <cmath>

#include "shared/wire/codec_structs.h"

namespace holdfast {

namespace {

// The years 1 and 9999: beyond, a time cannot be written as text.
constexpr std::int64_t first_micros = -62'135'596'800'000'000;
constexpr std::int64_t last_micros = 253'402'300'799'999'999;

// Length of the UTF-8 sequence at the front of `text` (not empty); 0 when there is none that is well formed.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than needed, a surrogate, or beyond the last code point.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

// Bytes of `text` in front that are well formed.
std::size_t sane_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = sequence_length(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

std::string mend(std::string_view text) {
  std::string out;
  while (!text.empty() && out.size() < text_limit) {
    const std::size_t good = sane_prefix(text);
    out.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) break;
    out.append("\xef\xbf\xbd");  // the replacement character
    text.remove_prefix(1);
  }
  if (out.size() > text_limit) {
    out.resize(text_limit);
    out.resize(sane_prefix(out));  // not through the middle of a character
  }
  return out;
}

}  // namespace

bool is_sane_text(std::string_view text) {
  return text.size() <= text_limit && sane_prefix(text) == text.size();
}

SaneText::SaneText(const std::string& from) : text_(&from) {
  if (is_sane_text(from)) return;
  mended_ = mend(from);
  text_ = &*mended_;
}

void Reading::refuse(Code code, std::string message) {
  if (!fault_) fault_ = Error{code, std::move(message), {}};
}

bool Reading::spend(std::size_t bytes) {
  if (bytes <= budget_ && !fault_) {
    budget_ -= bytes;
    return true;
  }
  refuse(Code::invalid, "it would take too much memory");
  return false;
}

std::string Reading::text(capnp::Text::Reader from) {
  const std::string_view view(from.begin(), from.size());
  if (!spend(view.size())) return {};
  if (is_sane_text(view)) return std::string(view);
  refuse(Code::invalid, "a text is too long or not UTF-8");
  return {};
}

Bytes Reading::bytes(capnp::Data::Reader from) {
  if (!spend(from.size())) return {};
  return {from.begin(), from.end()};
}

std::array<std::uint8_t, 32> Reading::array(capnp::Data::Reader from) {
  std::array<std::uint8_t, 32> out{};
  if (from.size() == out.size()) {
    std::copy(from.begin(), from.end(), out.begin());
  } else if (from.size() != 0) {
    refuse(Code::invalid, "a nonce or a hash has the wrong length");
  }
  return out;
}

Timestamp Reading::time(std::int64_t micros) {
  if (micros >= first_micros && micros <= last_micros) return Timestamp::from_micros(micros);
  refuse(Code::invalid, "a time is outside the calendar");
  return {};
}

Micros Reading::duration(std::int64_t micros) {
  if (micros >= first_micros && micros <= last_micros) return Micros(micros);
  refuse(Code::invalid, "a duration is too long");
  return {};
}

double Reading::number(double from) {
  if (std::isfinite(from)) return from;
  refuse(Code::invalid, "a number is not finite");
  return 0;
}

void write_texts(TextListBuilder to, const std::vector<std::string>& from) {
  for (unsigned i = 0; i < from.size(); ++i) to.set(i, text_of(from[i]));
}

std::vector<std::string> read_texts(TextListReader from, Reading& reading) {
  std::vector<std::string> out;
  if (!reading.spend(from.size() * sizeof(std::string))) return out;
  out.reserve(from.size());
  for (const auto item : from) out.push_back(reading.text(item));
  return out;
}

void write_labels(LabelListBuilder to, const Labels& from) {
  unsigned i = 0;
  for (const auto& [name, value] : from) {
    to[i].setName(text_of(name));
    to[i].setValue(text_of(value));
    ++i;
  }
}

Labels read_labels(LabelListReader from, Reading& reading) {
  constexpr std::size_t tree_node = 128;  // about what a map takes for one
  Labels out;
  if (!reading.spend(from.size() * tree_node)) return out;
  for (const auto item : from) {
    if (!out.emplace(reading.text(item.getName()), reading.text(item.getValue())).second) {
      reading.refuse(Code::invalid, "a label is there twice");
    }
  }
  return out;
}

void write_mappings(MappingListBuilder to, const Mappings& from) {
  for (unsigned i = 0; i < from.size(); ++i) {
    to[i].setFrom(text_of(from[i].first));
    to[i].setTo(text_of(from[i].second));
  }
}

Mappings read_mappings(MappingListReader from, Reading& reading) {
  Mappings out;
  if (!reading.spend(from.size() * sizeof(Mappings::value_type))) return out;
  out.reserve(from.size());
  for (const auto item : from) out.emplace_back(reading.text(item.getFrom()), reading.text(item.getTo()));
  return out;
}

}  // namespace holdfast
