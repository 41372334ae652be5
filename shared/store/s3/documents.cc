#include "shared/store/s3/documents.h"

#include <fmt/format.h>

#include <charconv>
#include <pugixml.hpp>

namespace holdfast {
namespace {

constexpr std::size_t message_limit = 300;

Result<pugi::xml_document> parse(ByteView body, std::string_view root) {
  pugi::xml_document document;
  const auto done = document.load_buffer(body.data(), body.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!done) return fail(Code::corrupt, fmt::format("the answer is not XML: {}", done.description()));
  if (std::string_view(document.document_element().name()) != root) {
    return fail(Code::corrupt, fmt::format("the answer is not a {}", root));
  }
  return document;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, message_limit)) out += c >= ' ' && c < '\x7f' ? c : '?';
  return out;
}

Result<bool> truth(const pugi::xml_node& node, const char* name) {
  const std::string_view text = node.child_value(name);
  if (text == "true") return true;
  if (text == "false") return false;
  return fail(Code::corrupt, fmt::format("the answer's {} is neither true nor false", name));
}

Timestamp time_or_never(std::string_view text) {
  const auto time = parse_time(text);
  return time ? *time : Timestamp();
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "encoding-type=url": %XX, and '+' for a space.
Result<std::string> url_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(Code::corrupt, "a name in the list is not encoded as the server says");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Result<std::string> name_of(std::string_view text, std::string_view encoding) {
  return encoding == "url" ? url_decoded(text) : Result<std::string>(std::string(text));
}

Result<S3Listed> listed(const pugi::xml_node& entry, std::string_view encoding) {
  S3Listed out;
  out.key = TRY(name_of(entry.child_value("Key"), encoding));
  const std::string_view size = entry.child_value("Size");
  const auto [end, problem] = std::from_chars(size.data(), size.data() + size.size(), out.size);
  if (out.key.empty() || problem != std::errc() || end != size.data() + size.size()) {
    return fail(Code::corrupt, "an entry of the list lacks its name or size");
  }
  out.modified = time_or_never(entry.child_value("LastModified"));
  return out;
}

}  // namespace

std::optional<S3ErrorDocument> parse_s3_error(ByteView body) {
  const auto document = parse(body, "Error");
  if (!document) return std::nullopt;
  const pugi::xml_node root = document->document_element();
  return S3ErrorDocument{printable(root.child_value("Code")), printable(root.child_value("Message")),
                         printable(root.child_value("Region")), printable(root.child_value("Endpoint"))};
}

Result<S3ListPage> parse_s3_list(ByteView body) {
  const pugi::xml_document document = TRY(parse(body, "ListBucketResult"));
  const pugi::xml_node root = document.document_element();
  const std::string_view encoding = root.child_value("EncodingType");
  S3ListPage out;
  for (const pugi::xml_node entry : root.children("Contents")) out.objects.push_back(TRY(listed(entry, encoding)));
  for (const pugi::xml_node entry : root.children("CommonPrefixes")) {
    out.common_prefixes.push_back(TRY(name_of(entry.child_value("Prefix"), encoding)));
  }
  if (TRY(truth(root, "IsTruncated"))) {
    out.next = root.child_value("NextContinuationToken");
    if (out.next->empty()) return fail(Code::corrupt, "the list goes on and the server does not say where");
  }
  return out;
}

Result<std::string> parse_s3_upload_id(ByteView body) {
  const pugi::xml_document document = TRY(parse(body, "InitiateMultipartUploadResult"));
  std::string id = document.document_element().child_value("UploadId");
  if (id.empty()) return fail(Code::corrupt, "the answer has no upload id");
  return id;
}

Result<> check_s3_completed(ByteView body) {
  TRY(parse(body, "CompleteMultipartUploadResult"));
  return {};
}

std::string s3_complete_document(const std::vector<S3Part>& parts) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (const S3Part& part : parts) {
    pugi::xml_node node = root.append_child("Part");
    node.append_child("PartNumber").text() = part.number;
    node.append_child("ETag").text() = part.etag.c_str();
  }
  struct Text final : pugi::xml_writer {
    std::string text;
    void write(const void* data, std::size_t size) override { text.append(static_cast<const char*>(data), size); }
  } writer;
  document.save(writer, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(writer.text);
}

Result<S3UploadPage> parse_s3_uploads(ByteView body) {
  const pugi::xml_document document = TRY(parse(body, "ListMultipartUploadsResult"));
  const pugi::xml_node root = document.document_element();
  S3UploadPage out;
  for (const pugi::xml_node entry : root.children("Upload")) {
    S3Upload upload{entry.child_value("Key"), entry.child_value("UploadId"),
                    time_or_never(entry.child_value("Initiated"))};
    if (upload.key.empty() || upload.id.empty()) {
      return fail(Code::corrupt, "an entry of the list lacks its name or upload id");
    }
    out.uploads.push_back(std::move(upload));
  }
  if (TRY(truth(root, "IsTruncated"))) {
    out.next = S3UploadPage::Next{root.child_value("NextKeyMarker"), root.child_value("NextUploadIdMarker")};
    if (out.next->key_marker.empty()) return fail(Code::corrupt, "the list goes on and the server does not say where");
  }
  return out;
}

Result<bool> parse_s3_object_lock(ByteView body) {
  const pugi::xml_document document = TRY(parse(body, "ObjectLockConfiguration"));
  return std::string_view(document.document_element().child_value("ObjectLockEnabled")) == "Enabled";
}

Result<Timestamp> parse_s3_retention(ByteView body) {
  const pugi::xml_document document = TRY(parse(body, "Retention"));
  return parse_time(document.document_element().child_value("RetainUntilDate"));
}

}  // namespace holdfast
