// JSON that clients send, read into a light tree: request bodies, WebSocket messages. Hides simdjson.
//
//   ASSIGN_OR_RETURN(auto document, JsonDocument::Parse(body));
//   for (auto [name, value] : document.root().fields()) …          // to refuse unknown fields by name
//   if (auto sql = document.root().Find("sql")) … sql->AsString() …
//
// A JsonDocument owns everything its views name: views and texts live as long as it does (also when it is moved).
// Documents are immutable and may be read from any thread. Strict: RFC 8259, valid UTF-8, nothing behind the value. Of
// a name that stands twice in an object, Find gives the first and fields() both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "row/json.h"

namespace kalamdb::row {

inline constexpr size_t kMaxJsonDepth = 512;             // of arrays and objects within each other
inline constexpr size_t kMaxJsonValues = 1'000'000;      // of one document, 40 bytes of memory each
inline constexpr size_t kKeptJsonParserBytes = 1 << 20;  // what a thread's parser keeps between documents

// A value in the tree of a document. Its children follow it; `span` counts it and all below it. Use JsonView.
struct JsonNode {
  std::string_view name;  // of a field, unescaped; else empty
  std::string_view text;  // of a string: its unescaped content; else the JSON text
  uint32_t span = 1;
  JsonParam::Kind kind = JsonParam::Kind::kNull;
};

// One value of a document: a small handle, copied freely.
class JsonView {
 public:
  using Kind = JsonParam::Kind;
  struct Field;
  template <typename Element>
  class Range;

  explicit JsonView(const JsonNode* node) : node_(node) {}

  Kind kind() const { return node_->kind; }
  bool IsObject() const { return kind() == Kind::kObject; }
  bool IsArray() const { return kind() == Kind::kArray; }
  bool IsString() const { return kind() == Kind::kString; }
  bool IsNull() const { return kind() == Kind::kNull; }

  // The field of that name; nothing if there is none or this is no object. Linear.
  std::optional<JsonView> Find(std::string_view name) const;
  Range<Field> fields() const;    // Field {name, value} in the order of the text; empty unless an object
  Range<JsonView> items() const;  // empty unless an array

  // Nothing where the kind is another, or the number does not fit.
  std::optional<std::string_view> AsString() const;  // unescaped
  std::optional<int64_t> AsInt64() const;            // only a number without point and exponent
  std::optional<double> AsDouble() const;            // any number
  std::optional<bool> AsBool() const;

  // The JSON text as it was sent; of a string: its unescaped content.
  std::string_view text() const { return node_->text; }
  JsonParam ToParam() const { return {kind(), std::string(text())}; }

 private:
  const JsonNode* node_;
};

struct JsonView::Field {
  std::string_view name;
  JsonView value;
};

// The children of an array or object, for range-for.
template <typename Element>
class JsonView::Range {
 public:
  class Iterator {
   public:
    explicit Iterator(const JsonNode* node) : node_(node) {}
    Element operator*() const {
      if constexpr (std::is_same_v<Element, JsonView>) {
        return JsonView(node_);
      } else {
        return Element{node_->name, JsonView(node_)};
      }
    }
    Iterator& operator++() {
      node_ += node_->span;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const JsonNode* node_;
  };

  Range(const JsonNode* begin, const JsonNode* end) : begin_(begin), end_(end) {}
  Iterator begin() const { return Iterator(begin_); }
  Iterator end() const { return Iterator(end_); }
  bool empty() const { return begin_ == end_; }

 private:
  const JsonNode* begin_;
  const JsonNode* end_;
};

inline JsonView::Range<JsonView::Field> JsonView::fields() const {
  return {node_ + 1, IsObject() ? node_ + node_->span : node_ + 1};
}
inline JsonView::Range<JsonView> JsonView::items() const {
  return {node_ + 1, IsArray() ? node_ + node_->span : node_ + 1};
}

class JsonDocument {
 public:
  // Errors: kInvalidParameter, saying what is wrong and at which byte (from 1); kTooLarge above kMaxJsonValues.
  static Result<JsonDocument> Parse(std::string_view text);

  JsonDocument(JsonDocument&&) noexcept = default;
  JsonDocument& operator=(JsonDocument&&) noexcept = default;

  JsonView root() const { return JsonView(nodes_.data()); }

 private:
  JsonDocument() = default;

  std::unique_ptr<char[]> text_;       // a copy with simdjson's padding
  std::unique_ptr<char[]> unescaped_;  // strings and names that were written with escapes, one behind the other
  std::vector<JsonNode> nodes_;        // in the order of the text
};

// The text is one JSON value. Errors: as of Parse.
Status CheckJson(std::string_view text);

}  // namespace kalamdb::row
