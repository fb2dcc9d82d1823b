// One pass over the bytes of a text.
#include "engine/fast/text_shape.h"

#include <charconv>

namespace kalamdb::engine {
namespace {

// Control characters that no plain text holds: a whole number within 32 bits, a larger one (another token to the
// parser), a string.
constexpr char kSmallNumber = '\1', kNumber = '\2', kString = '\3';

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordByte(char c) { return c == '_' || IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<TextShape> Run() {
    if (text_.empty() || text_.size() > kMaxShapedBytes || !IsWordByte(text_.front()) || IsBlank(text_.back()))
      return std::nullopt;
    shape_.shape.reserve(text_.size());
    while (at_ < text_.size()) {
      if (!Token()) return std::nullopt;
    }
    if (shape_.literals.empty() || shape_.literals.size() > kMaxLiterals) return std::nullopt;
    return std::move(shape_);
  }

 private:
  char Peek(size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  bool Token() {
    const char c = text_[at_];
    if (IsDigit(c)) return Number();
    if (IsWordByte(c)) return Word();
    if (c == '\'') return String();
    if (c == '"') return Quoted();
    const char next = Peek(at_ + 1);
    if ((c == '-' && next == '-') || (c == '/' && next == '*') || (c == '.' && IsDigit(next))) return false;
    if (c == ';' || c == '$' || c == '?' || (!IsBlank(c) && (c < ' ' || c >= 0x7f))) return false;
    shape_.shape += c;
    ++at_;
    return true;
  }

  // A name or keyword; in front of a quote it is the prefix of another kind of string.
  bool Word() {
    const size_t begin = at_;
    while (IsWordByte(Peek(at_))) ++at_;
    if (Peek(at_) == '\'' || Peek(at_) == '$' || Peek(at_) == '&') return false;
    shape_.shape.append(text_.substr(begin, at_ - begin));
    return true;
  }

  bool Number() {
    const size_t begin = at_;
    while (IsDigit(Peek(at_))) ++at_;
    if (IsWordByte(Peek(at_)) || Peek(at_) == '.' || (begin > 0 && text_[begin - 1] == '.')) return false;
    int32_t small = 0;
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + at_, small);
    Add(begin, error == std::errc() ? kSmallNumber : kNumber);
    return true;
  }

  bool String() {
    const size_t begin = at_++;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\0' || static_cast<unsigned char>(c) >= 0x80) return false;  // checked as UTF-8 elsewhere
      if (c != '\'') continue;
      if (Peek(at_) != '\'') {
        Add(begin, kString);
        return true;
      }
      ++at_;
    }
    return false;
  }

  bool Quoted() {
    const size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) return false;
    for (const char c : text_.substr(at_, end + 1 - at_)) {
      if (c < ' ' || c >= 0x7f) return false;
    }
    shape_.shape.append(text_.substr(at_, end + 1 - at_));
    at_ = end + 1;
    return true;
  }

  void Add(size_t begin, char mark) {
    shape_.literals.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(at_)});
    shape_.shape += mark;
  }

  const std::string_view text_;
  size_t at_ = 0;
  TextShape shape_;
};

}  // namespace

std::optional<TextShape> ShapeOf(std::string_view text) { return Scanner(text).Run(); }

std::optional<duckdb::Value> ValueOf(std::string_view text, const TextLiteral& literal) {
  const std::string_view raw = text.substr(literal.begin, literal.end - literal.begin);
  if (raw.front() == '\'') {
    std::string value;
    value.reserve(raw.size());
    for (size_t i = 1; i + 1 < raw.size(); ++i) {
      value += raw[i];
      if (raw[i] == '\'') ++i;
    }
    return duckdb::Value(std::move(value));
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (error != std::errc()) return std::nullopt;
  if (number <= INT32_MAX) return duckdb::Value::INTEGER(static_cast<int32_t>(number));
  return duckdb::Value::BIGINT(number);
}

}  // namespace kalamdb::engine
