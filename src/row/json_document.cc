// Walks a document once with simdjson's on-demand parser and keeps every value: where it stands and what it is.
//
// The walk looks at each value itself instead of letting simdjson convert it: numbers keep their text (a DECIMAL of 38
// digits is no double), and nothing that is skipped goes unchecked.
#include "row/json_document.h"

#include <cstring>

#include <simdjson.h>

#include "row/ascii.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

namespace ondemand = simdjson::ondemand;

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view TrimStart(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  return text;
}

size_t SkipDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

// kInteger or kNumber where the token is a number as RFC 8259 writes it, else nothing.
std::optional<JsonParam::Kind> NumberKind(std::string_view token) {
  size_t at = token.starts_with('-') ? 1 : 0;
  const size_t digits = SkipDigits(token, at);
  if (digits == at || (token[at] == '0' && digits > at + 1)) return std::nullopt;
  at = digits;
  JsonParam::Kind kind = JsonParam::Kind::kInteger;
  if (at < token.size() && token[at] == '.') {
    const size_t end = SkipDigits(token, at + 1);
    if (end == at + 1) return std::nullopt;
    at = end;
    kind = JsonParam::Kind::kNumber;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    const size_t end = SkipDigits(token, at);
    if (end == at) return std::nullopt;
    at = end;
    kind = JsonParam::Kind::kNumber;
  }
  if (at != token.size()) return std::nullopt;
  return kind;
}

// What a token without quotes is.
std::optional<JsonParam::Kind> PlainKind(std::string_view token) {
  if (token == "true" || token == "false") return JsonParam::Kind::kBool;
  if (token == "null") return JsonParam::Kind::kNull;
  return NumberKind(token);
}

Error InvalidJson(std::string_view what, size_t byte) {
  std::string message = "invalid JSON: " + std::string(what);
  if (byte != 0) message += " at byte " + std::to_string(byte);
  return Error{ErrorCode::kInvalidParameter, std::move(message)};
}

// One parser a thread, as simdjson advises: its buffers are used again. A large document's buffers are given back.
ondemand::parser& ThreadParser() {
  thread_local std::unique_ptr<ondemand::parser> parser;
  if (parser == nullptr || parser->capacity() > kKeptJsonParserBytes) parser = std::make_unique<ondemand::parser>();
  return *parser;
}

class Walker {
 public:
  // `nodes` may be null: then the text is only checked. `unescaped` is made when the first escape is met.
  Walker(std::string_view text, std::unique_ptr<char[]>* unescaped, std::vector<JsonNode>* nodes)
      : text_(text), unescaped_(unescaped), nodes_(nodes) {}

  // REQUIRES: SIMDJSON_PADDING readable bytes behind the text.
  Status Walk() {
    const std::string_view body = TrimEnd(TrimStart(text_));
    if (body.empty()) return InvalidJson("there is nothing", 0);
    auto& parser = ThreadParser();
    simdjson::padded_string_view padded(text_.data(), text_.size(), text_.size() + simdjson::SIMDJSON_PADDING);
    if (const auto error = parser.iterate(padded).get(document_); error != simdjson::SUCCESS) return Failed(error);
    if (body.front() != '{' && body.front() != '[') return WalkRootScalar(body);
    ondemand::value root;
    if (const auto error = document_.get_value().get(root); error != simdjson::SUCCESS) return Failed(error);
    RETURN_IF_ERROR(WalkValue(root, {}, 0));
    const char* rest = nullptr;
    if (document_.current_location().get(rest) == simdjson::SUCCESS)
      return InvalidJson("more than one value", ByteAt(rest));
    return {};
  }

 private:
  Status WalkRootScalar(std::string_view body) {
    std::string_view token;
    if (const auto error = document_.raw_json_token().get(token); error != simdjson::SUCCESS) return Failed(error);
    if (TrimEnd(token).size() != body.size())
      return InvalidJson("more than one value", ByteAt(token.data()) + token.size());
    if (body.front() != '"') return AddPlain(body, {});
    std::string_view content = body.substr(1, body.size() - 2);
    if (HasEscape(content)) {
      if (const auto error = document_.get_string().get(content); error != simdjson::SUCCESS) return Failed(error);
      content = KeepUnescaped(content);
    }
    return Add({.text = content, .kind = JsonParam::Kind::kString});
  }

  Status WalkValue(ondemand::value value, std::string_view name, size_t depth) {
    const std::string_view token = TrimEnd(value.raw_json_token());
    switch (token.empty() ? '\0' : token.front()) {
      case '{': return WalkObject(value, name, depth + 1);
      case '[': return WalkArray(value, name, depth + 1);
      case '"': return WalkString(value, token, name);
      default: return AddPlain(token, name);
    }
  }

  Status WalkObject(ondemand::value value, std::string_view name, size_t depth) {
    const std::string_view open = value.raw_json_token();
    ASSIGN_OR_RETURN(const size_t at, Open(open, JsonParam::Kind::kObject, name, depth));
    ondemand::object object;
    if (const auto error = value.get_object().get(object); error != simdjson::SUCCESS) return Failed(error);
    for (auto entry : object) {
      ondemand::field field;
      if (const auto error = std::move(entry).get(field); error != simdjson::SUCCESS) return Failed(error);
      ASSIGN_OR_RETURN(const std::string_view key, ReadKey(&field));
      RETURN_IF_ERROR(WalkValue(field.value(), key, depth));
    }
    Close(at, open.data());
    return {};
  }

  Status WalkArray(ondemand::value value, std::string_view name, size_t depth) {
    const std::string_view open = value.raw_json_token();
    ASSIGN_OR_RETURN(const size_t at, Open(open, JsonParam::Kind::kArray, name, depth));
    ondemand::array array;
    if (const auto error = value.get_array().get(array); error != simdjson::SUCCESS) return Failed(error);
    for (auto entry : array) {
      ondemand::value element;
      if (const auto error = std::move(entry).get(element); error != simdjson::SUCCESS) return Failed(error);
      RETURN_IF_ERROR(WalkValue(element, {}, depth));
    }
    Close(at, open.data());
    return {};
  }

  Status WalkString(ondemand::value value, std::string_view token, std::string_view name) {
    std::string_view content = token.substr(1, token.size() - 2);
    if (HasEscape(content)) {
      if (const auto error = value.get_string().get(content); error != simdjson::SUCCESS) return Failed(error);
      content = KeepUnescaped(content);
    }
    return Add({.name = name, .text = content, .kind = JsonParam::Kind::kString});
  }

  Result<std::string_view> ReadKey(ondemand::field* field) {
    const char* raw = field->key().raw();
    const size_t left = text_.size() - static_cast<size_t>(raw - text_.data());
    const auto* quote = static_cast<const char*>(std::memchr(raw, '"', left));
    const std::string_view content(raw, static_cast<size_t>(quote - raw));
    if (!HasEscape(content)) return content;
    std::string_view key;
    if (const auto error = field->unescaped_key().get(key); error != simdjson::SUCCESS) return Failed(error);
    return KeepUnescaped(key);
  }

  Status AddPlain(std::string_view token, std::string_view name) {
    const auto kind = PlainKind(token);
    if (!kind) return InvalidJson("no value", token.empty() ? Position() : ByteAt(token.data()));
    return Add({.name = name, .text = token, .kind = *kind});
  }

  Status Add(JsonNode node) {
    if (nodes_ == nullptr) return {};
    if (nodes_->size() >= kMaxJsonValues) {
      return Error{ErrorCode::kTooLarge, "a JSON document holds at most " + std::to_string(kMaxJsonValues) + " values"};
    }
    nodes_->push_back(node);
    return {};
  }

  // Index of the node of an array or object that begins.
  Result<size_t> Open(std::string_view token, JsonParam::Kind kind, std::string_view name, size_t depth) {
    if (depth > kMaxJsonDepth) {
      return InvalidJson("more than " + std::to_string(kMaxJsonDepth) + " arrays and objects within each other",
                         ByteAt(token.data()));
    }
    const size_t at = nodes_ == nullptr ? 0 : nodes_->size();
    RETURN_IF_ERROR(Add({.name = name, .kind = kind}));
    return at;
  }

  // simdjson stands behind the closing bracket: on the next token, or at the end.
  void Close(size_t at, const char* begin) {
    if (nodes_ == nullptr) return;
    const char* next = nullptr;
    const bool at_end =
        document_.current_location().get(next) != simdjson::SUCCESS || next > text_.data() + text_.size();
    const char* end = at_end ? text_.data() + text_.size() : next;
    JsonNode& node = (*nodes_)[at];
    node.text = TrimEnd(std::string_view(begin, static_cast<size_t>(end - begin)));
    node.span = static_cast<uint32_t>(nodes_->size() - at);
  }

  static bool HasEscape(std::string_view content) { return content.find('\\') != std::string_view::npos; }

  // What is unescaped is no longer than what was written, so that one buffer of the text's size holds all.
  std::string_view KeepUnescaped(std::string_view content) {
    if (unescaped_ == nullptr) return content;
    if (*unescaped_ == nullptr) *unescaped_ = std::make_unique_for_overwrite<char[]>(text_.size());
    char* kept = unescaped_->get() + unescaped_bytes_;
    std::memcpy(kept, content.data(), content.size());
    unescaped_bytes_ += content.size();
    return {kept, content.size()};
  }

  size_t ByteAt(const char* place) const { return static_cast<size_t>(place - text_.data()) + 1; }

  size_t Position() {
    const char* place = nullptr;
    if (document_.current_location().get(place) != simdjson::SUCCESS) return 0;
    return place >= text_.data() && place <= text_.data() + text_.size() ? ByteAt(place) : 0;
  }

  Error Failed(simdjson::error_code error) {
    switch (error) {
      case simdjson::UTF8_ERROR: return InvalidJson("it is not UTF-8", 0);
      case simdjson::UNCLOSED_STRING: return InvalidJson("a string is not closed", 0);
      case simdjson::UNESCAPED_CHARS: return InvalidJson("a control character within a string", 0);
      case simdjson::STRING_ERROR: return InvalidJson("a wrong escape in a string", Position());
      case simdjson::INCOMPLETE_ARRAY_OR_OBJECT: return InvalidJson("it ends too early", 0);
      case simdjson::CAPACITY:
      case simdjson::MEMALLOC:
        return Error{ErrorCode::kTooLarge, "a JSON document is too large for the memory there is"};
      default: return InvalidJson("wrong syntax", Position());
    }
  }

  std::string_view text_;
  std::unique_ptr<char[]>* unescaped_;
  std::vector<JsonNode>* nodes_;
  size_t unescaped_bytes_ = 0;
  ondemand::document document_;
};

std::unique_ptr<char[]> CopyPadded(std::string_view text) {
  auto copy = std::make_unique_for_overwrite<char[]>(text.size() + simdjson::SIMDJSON_PADDING);
  if (!text.empty()) std::memcpy(copy.get(), text.data(), text.size());
  std::memset(copy.get() + text.size(), 0, simdjson::SIMDJSON_PADDING);
  return copy;
}

}  // namespace

std::optional<JsonView> JsonView::Find(std::string_view name) const {
  for (const auto field : fields()) {
    if (field.name == name) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> JsonView::AsString() const {
  if (kind() != JsonParam::Kind::kString) return std::nullopt;
  return text();
}

std::optional<int64_t> JsonView::AsInt64() const {
  if (kind() != JsonParam::Kind::kInteger) return std::nullopt;
  return ParseInteger(text());
}

std::optional<double> JsonView::AsDouble() const {
  if (kind() != JsonParam::Kind::kInteger && kind() != JsonParam::Kind::kNumber) return std::nullopt;
  return ParseDouble(text());
}

std::optional<bool> JsonView::AsBool() const {
  if (kind() != JsonParam::Kind::kBool) return std::nullopt;
  return text() == "true";
}

Result<JsonDocument> JsonDocument::Parse(std::string_view text) {
  JsonDocument document;
  document.text_ = CopyPadded(text);
  Walker walker(std::string_view(document.text_.get(), text.size()), &document.unescaped_, &document.nodes_);
  RETURN_IF_ERROR(walker.Walk());
  return document;
}

Status CheckJson(std::string_view text) {
  const auto copy = CopyPadded(text);
  return Walker(std::string_view(copy.get(), text.size()), nullptr, nullptr).Walk();
}

}  // namespace kalamdb::row
