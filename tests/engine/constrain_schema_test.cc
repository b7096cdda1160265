// SPDX-License-Identifier: Apache-2.0
// JSON Schemas: per keyword, texts that are valid and texts that are not.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/json.h"
#include "tests/engine/constrain_support.h"

namespace engine::test {
namespace {

std::string error_of(std::string_view schema) {
  const auto made = Constraint::from_json_schema(schema, byte_vocabulary());
  return made ? "" : made.error().message;
}

void check(std::string_view schema, std::initializer_list<std::string_view> valid,
           std::initializer_list<std::string_view> invalid) {
  CAPTURE(schema);
  const auto constraint = Constraint::from_json_schema(schema, byte_vocabulary());
  if (!constraint) FAIL(constraint.error().message);
  for (const std::string_view text : valid) {
    CAPTURE(text);
    CHECK(accepts(*constraint, text));
  }
  for (const std::string_view text : invalid) {
    CAPTURE(text);
    CHECK_FALSE(accepts(*constraint, text));
  }
}

}  // namespace

TEST_CASE("constrain schema: types") {
  check(R"({"type": "string"})", {R"("")", R"("a\n\"\\\/\u00e9\ud83d\ude00 é€")"},
        {R"(")", R"("a)", "\"\n\"", R"("\x")", R"("\ud83d")", R"("\ude00")", "1", "\"\xff\"", "\"a\" "});
  check(R"({"type": "integer"})", {"0", "-1", "123456789012345678901234567890"},
        {"01", "1.0", "1e3", "-", "+1", " 1", ""});
  check(R"({"type": "number"})", {"0", "-0.5", "1e10", "1.25E-7", "10"}, {".5", "1.", "1e", "00", "NaN"});
  check(R"({"type": ["boolean", "null"]})", {"true", "false", "null"}, {"tru", "0", "nulll"});
  check(R"({"type": "object"})", {"{}", R"({ "a" : [1, {"b": null}] , "c":"d" })"},
        {"[]", "{a:1}", R"({"a":1,})", R"({"a"})"});
  check(R"({"type": "array"})", {"[]", "[ ]", R"([1,"a", [[]], {}])"}, {"[1,]", "[,]", "[1 2]"});
  check("true", {"1", "[]", R"({"x":[{}]})", "null"}, {"", "x", "{} {}"});
  check("{}", {"\"a\"", "-1.5e3"}, {"[", "]"});
  CHECK(error_of("false") == "JSON Schema: no text fits it.");
}

TEST_CASE("constrain schema: objects") {
  const char* two =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"boolean"}},"required":["a"],"additionalProperties":false})";
  check(two, {R"({"a":1})", R"({"a":1,"b":true})", R"({"b":true, "a":1})"},
        {"{}", R"({"b":true})", R"({"a":1,"a":2})", R"({"a":true})", R"({"a":1,"c":1})", R"({"\u0061":1})"});
  check(R"({"type":"object","properties":{"a":{"type":"integer"}}})",
        {"{}", R"({"x":"y","a":3,"z":[]})", R"({"aa":"y","":1})"}, {R"({"a":"y"})", R"({"\u0061":"y"})"});
  check(R"({"type":"object","additionalProperties":{"type":"string"},"minProperties":1,"maxProperties":2})",
        {R"({"k":"v"})", R"({"k":"v","l":"w"})"}, {"{}", R"({"k":1})", R"({"k":"v","l":"w","m":"x"})"});
  check(R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"additionalProperties":false,"minProperties":2})",
        {R"({"a":1,"c":2})"}, {"{}", R"({"a":1})", R"({"a":1,"a":2})"});
  check(
      R"({"type":"object","patternProperties":{"^n_":{"type":"integer"},"_s$":{"minimum":5}},"additionalProperties":{"type":"null"}})",
      {R"({"n_x":1,"other":null})", R"({"n_s":7,"x_s":9.5,"y_s":"a"})"},
      {R"({"n_x":null})", R"({"n_s":3})", R"({"other":1})", R"({"x_s":1})"});
  check(R"({"type":"object","propertyNames":{"pattern":"^[a-c]+$","maxLength":2}})", {R"({"ab":1,"c":2})"},
        {R"({"abc":1})", R"({"d":1})"});
  check(R"({"type":"object","required":["x y","q\"z"]})", {R"({"x y":1,"q\"z":2})"}, {R"({"x y":1})"});
  check(
      R"({"type":"object","properties":{"a":{},"b":{}},"dependentRequired":{"a":["b"]},"additionalProperties":false})",
      {"{}", R"({"b":1})", R"({"a":1,"b":2})", R"({"b":1,"a":2})"}, {R"({"a":1})"});
  check(R"({"type":"object","properties":{"a":false,"b":{}}})", {R"({"b":1,"c":2})"}, {R"({"a":1})"});
  CHECK(error_of(R"({"type":"object","properties":{"a":false},"required":["a"]})").find("no text fits") !=
        std::string::npos);
  check(R"({"properties":{"a":{"type":"integer"}}})", {"1", "[]", R"({"a":1})"},
        {R"({"a":"b"})"});  // says nothing of other types
}

TEST_CASE("constrain schema: arrays") {
  check(R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})", {"[1]", "[1, 2,3]"},
        {"[]", "[1,2,3,4]", "[true]"});
  check(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"}})",
        {"[]", "[1]", R"([1,"a"])", R"([1,"a",null,null])"}, {R"(["a"])", "[1,2]", R"([1,"a",1])"});
  check(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false,"minItems":2})",
        {R"([1,"a"])"}, {"[]", "[1]", R"([1,"a",1])"});
  check(R"({"type":"array","items":[{"type":"integer"}],"additionalItems":{"type":"string"},"maxItems":2})",
        {"[1]", R"([1,"b"])"}, {R"([1,"b","c"])", "[1,2]"});
  check(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"integer"}],"maxItems":1})", {"[]", "[1]"},
        {"[1,2]"});
  check(R"({"type":"array","items":false})", {"[]"}, {"[1]"});
}

TEST_CASE("constrain schema: strings") {
  check(R"({"type":"string","minLength":2,"maxLength":3})",
        {R"("ab")", R"("é€x")", R"("\n\u00e9")", R"("\ud83d\ude00a")"}, {R"("a")", R"("abcd")", R"("\ud83d\ude00")"});
  check(R"({"type":"string","pattern":"^a+\"?$"})", {R"("aa")", R"("a\"")"}, {R"("b")", R"("ab")", R"("")"});
  check(R"({"type":"string","pattern":"b"})", {R"("abc")", R"("b")"}, {R"("ac")"});
  check(R"({"type":"string","pattern":"^[a-z]+$","minLength":3,"not":{"enum":["abc","zzz"]}})", {R"("abd")"},
        {R"("abc")", R"("ab")", R"("zzz")"});
  check(R"({"type":"string","format":"date"})", {R"("2024-02-29")", R"("2000-02-29")", R"("1999-12-31")"},
        {R"("2023-02-29")", R"("1900-02-29")", R"("2024-04-31")", R"("2024-13-01")", R"("0000-01-01")"});
  check(R"({"type":"string","format":"date-time"})",
        {R"("2024-02-29T23:59:59Z")", R"("2024-01-01T00:00:00.123+02:00")"},
        {R"("2024-02-30T00:00:00Z")", R"("2024-01-01T24:00:00Z")", R"("2024-01-01")"});
  check(R"({"type":"string","format":"uuid"})", {R"("123e4567-e89b-12d3-a456-426614174000")"},
        {R"("123e4567e89b12d3a456426614174000")"});
  check(R"({"type":"string","format":"ipv4"})", {R"("127.0.0.1")", R"("255.255.255.255")"},
        {R"("256.0.0.1")", R"("1.2.3")", R"("01.2.3.4")"});
  check(R"({"type":"string","format":"ipv6"})",
        {R"("::1")", R"("2001:db8::8a2e:370:7334")", R"("::ffff:1.2.3.4")", R"("1:2:3:4:5:6:7:8")"},
        {R"("1:2:3")", R"("::1::2")", R"("12345::")"});
  check(R"({"type":"string","format":"email"})", {R"("a.b+c@example.org")"}, {R"("a")", R"("a@")", R"("a..b@c")"});
  check(R"({"type":"string","format":"hostname"})", {R"("a-b.example")"}, {R"("-a")", R"("a..b")", R"("a_b")"});
  check(R"({"type":"string","format":"uri"})",
        {R"("https://example.org:80/a/b?c=d#e")", R"("mailto:a@b.c")", R"("urn:x:y")"},
        {R"("//no.scheme")", R"("http://a b")"});
  // Names that JSON Schema does not know forbid nothing, but what stands beside them does.
  check(R"({"type":"string","format":"semver","maxLength":3})", {R"("any")", R"("")"}, {R"("long")", "1"});
  check(R"({"format":""})", {R"("any")", "1"}, {});
  check(R"({"type":"string","format":"duration"})", {R"("P1Y2M3DT4H5M6S")", R"("P4W")", R"("PT1M")"},
        {R"("P")", R"("P1YT")", R"("P1D2H")", R"("P1Y1D")"});
}

TEST_CASE("constrain schema: numbers") {
  check(R"({"type":"integer","minimum":-12,"maximum":105})", {"-12", "-9", "0", "7", "99", "100", "105"},
        {"-13", "-20", "-100", "106", "110", "1000", "-0"});
  check(R"({"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":12})", {"10", "11"}, {"9", "12"});
  check(R"({"type":"integer","minimum":1.5,"maximum":3.5})", {"2", "3"}, {"1", "4"});
  check(R"({"type":"number","minimum":0.5,"exclusiveMaximum":12.25})",
        {"0.5", "0.50", "0.51", "12", "12.2", "12.2499", "3"}, {"0.49", "0.4", "0", "12.25", "12.3", "-1", "12.250"});
  check(R"({"type":"number","exclusiveMinimum":-1.5,"maximum":-0.25})", {"-1.4", "-1", "-0.25", "-0.250"},
        {"-1.5", "-0.24", "0", "-2", "1"});
  check(R"({"type":"integer","multipleOf":7,"minimum":10,"maximum":30})", {"14", "21", "28"}, {"7", "15", "35", "10"});
  check(R"({"type":"number","multipleOf":0.05})", {"0", "1", "0.05", "0.1", "-0.95", "2.50"},
        {"0.01", "0.055", "1.2345"});
  check(R"({"type":"number","minimum":5,"exclusiveMinimum":true})", {"5.1", "6"}, {"5", "5.0"});  // draft 4
  CHECK(error_of(R"({"type":"integer","minimum":15,"maximum":20,"multipleOf":7})").find("no text fits") !=
        std::string::npos);
  // Every range against arithmetic.
  std::mt19937 random(1);
  for (int i = 0; i < 60; ++i) {
    const int low = static_cast<int>(random() % 400) - 200, high = low + static_cast<int>(random() % 200),
              step = 1 + static_cast<int>(random() % 9);
    const auto made = Constraint::from_json_schema(
        base::dump_json({{"type", "integer"}, {"minimum", low}, {"maximum", high}, {"multipleOf", step}}),
        byte_vocabulary());
    for (int n = -450; n <= 450; ++n) {
      CAPTURE(low);
      CAPTURE(high);
      CAPTURE(step);
      CAPTURE(n);
      if (const bool expected = n >= low && n <= high && n % step == 0; made)
        REQUIRE(accepts(*made, std::to_string(n)) == expected);
      else
        REQUIRE_FALSE(expected);
    }
  }
}

TEST_CASE("constrain schema: values, alternatives, references") {
  check(R"({"enum":["a\"b",1,null,{"k":[1,2]}]})", {R"("a\"b")", "1", "null", R"({"k":[1,2]})"},
        {R"("a")", "2", R"({"k": [1,2]})"});
  check(R"({"enum":["a","bb",3],"type":"string","maxLength":1})", {R"("a")"}, {R"("bb")", "3"});
  check(R"({"const":5})", {"5"}, {"6", "5.0"});
  check(R"({"anyOf":[{"type":"integer","minimum":5},{"type":"string"}]})", {"5", R"("x")"}, {"4", "null"});
  check(R"({"type":"integer","allOf":[{"minimum":2},{"maximum":4}],"anyOf":[{"multipleOf":2},{"minimum":3}]})",
        {"2", "3", "4"}, {"1", "5"});
  check(
      R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":3},"b":{"type":"null"}}}]})",
      {R"({"a":3})", R"({"a":4,"b":null})"}, {R"({"a":2})", "{}", R"({"a":3,"b":1})"});
  check(
      R"({"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"v":{"type":"integer"}},"required":["k","v"]},{"type":"object","properties":{"k":{"const":"b"}},"required":["k"]}]})",
      {R"({"k":"a","v":1})", R"({"k":"b","v":"any"})"}, {R"({"k":"a"})", R"({"k":"c"})", R"({"k":"a","v":"x"})"});
  check(R"({"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]})", {R"({"a":1})", R"({"b":1,"c":2})"},
        {"{}", R"({"a":1,"b":2})"});
  check(R"({"not":{"type":["object","array","string"]}})", {"1", "null"}, {"{}", R"("a")"});
  check(R"({"type":"object","not":{"required":["x"]}})", {"{}", R"({"y":1})"}, {R"({"x":1})"});
  check(
      R"({"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"l":{"$ref":"#/$defs/t"},"r":{"$ref":"#/$defs/t"}},"required":["v"],"additionalProperties":false}}})",
      {R"({"v":1})", R"({"l":{"v":2,"r":{"v":3}},"v":1})"}, {R"({"v":1,"l":{}})", R"({"v":1,"l":{"v":2})"});
  check(
      R"({"definitions":{"a/b":{"$anchor":"x","type":"null"}},"anyOf":[{"$ref":"#/definitions/a~1b"},{"type":"array","items":{"$ref":"#x"}}]})",
      {"null", "[null]"}, {"[1]"});
  check(
      R"({"$id":"http://x/y.json","$ref":"#/$defs/in","$defs":{"in":{"$id":"in.json","$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}}}})",
      {"3"}, {"null"});
  CHECK(error_of(R"({"type":"object","properties":{"n":{"$ref":"#"}},"required":["n"]})").find("no text fits") !=
        std::string::npos);
}

TEST_CASE("constrain schema: what must not hold") {
  check(R"({"oneOf":[{"minimum":1},{"maximum":3}],"type":"number"})", {"0.5", "4"}, {"1", "2.5", "3"});
  check(R"({"not":{"pattern":"a"},"type":"string"})", {R"("b")", R"("")"}, {R"("ba")"});
  check(R"({"type":"number","not":{"type":"integer"}})", {"0.5", "-1.50"}, {"1", "1.0", "-2.00", "5e-1"});
  check(R"({"type":"number","not":{"multipleOf":0.5}})", {"0.3", "-1.25"}, {"0", "-0", "1.5", "0.50", "0.500"});
  check(R"({"type":"number","not":{"enum":[0,1.5]}})", {"1", "1.51", "0.1"},
        {"0", "-0", "0.00", "1.5", "1.500", "15e-1"});
  check(R"({"not":{"const":{"a":[1]}},"type":"object"})", {"{}", R"({"a":[]})", R"({"a":[2]})", R"({"a":[1],"b":0})"},
        {R"({"a":[1]})", R"({"a":[1] })"});
  check(R"({"type":"array","not":{"items":{"type":"integer"}}})", {R"(["a"])", R"([1,null,2])"}, {"[]", "[1,2]"});
  check(R"({"type":"object","not":{"properties":{"a":true},"additionalProperties":false}})",
        {R"({"b":1})", R"({"a":1,"b":2})"}, {"{}", R"({"a":1})"});
  check(R"({"type":"object","not":{"propertyNames":{"pattern":"^x"}}})", {R"({"a":1,"xa":2})"}, {"{}", R"({"xa":1})"});
  check(R"({"not":{"oneOf":[{"minimum":0},{"multipleOf":2}]},"type":"integer"})", {"2", "-1"}, {"1", "-2"});
}

TEST_CASE("constrain schema: if, contains, uniqueItems, unevaluated members and items, dynamic references") {
  check(
      R"({"type":"object","properties":{"k":{"enum":["a","b"]},"v":{}},"required":["k","v"],"additionalProperties":false,
          "if":{"properties":{"k":{"const":"a"}}},"then":{"properties":{"v":{"type":"integer"}}},"else":{"properties":{"v":{"type":"string"}}}})",
      {R"({"k":"a","v":1})", R"({"v":1,"k":"a"})", R"({"k":"b","v":"x"})", R"({"v":"x","k":"b"})"},
      {R"({"k":"a","v":"x"})", R"({"v":1,"k":"b"})"});
  base::Json many = {{"type", "object"}, {"properties", {{"k", {{"type", "string"}}}}}, {"required", {"k"}}};
  for (int i = 0; i < 40; ++i)  // as many alternatives as there are conditions, not as many as sets of them
    many["allOf"].push_back({{"if", {{"properties", {{"k", {{"const", "k" + std::to_string(i)}}}}}}},
                             {"then", {{"required", {"m" + std::to_string(i)}}}}});
  check(base::dump_json(many), {R"({"k":"k7","m7":1})", R"({"m39":[],"k":"k39"})", R"({"k":"other"})"},
        {R"({"k":"k7","m8":1})", R"({"k":"k39"})"});
  check(R"({"type":"array","contains":{"type":"integer"}})", {"[1]", R"(["a",2])"}, {"[]", R"(["a"])", "[1.5]"});
  check(
      R"({"type":"array","items":{"type":"integer"},"contains":{"minimum":5},"minContains":2,"maxContains":3,"maxItems":5})",
      {"[5,6]", "[1,5,2,7]", "[5,5,5,1]"}, {"[5]", "[5,5,5,5]", "[5,5,1,1,1,1]"});
  check(R"({"type":"array","contains":{"const":1},"minContains":0,"maxContains":0})", {"[]", "[2]"}, {"[1]", "[2,1]"});
  check(R"({"type":"array","uniqueItems":true,"items":{"enum":["a","b",1]}})", {"[]", R"(["a",1])", R"(["b","a",1])"},
        {R"(["a","a"])", R"(["a","b",1,1])"});
  check(R"({"type":"array","uniqueItems":true,"items":{"type":"integer","minimum":1,"maximum":3},"minItems":3})",
        {"[1,2,3]", "[3,1,2]"}, {"[1,2]", "[1,2,2]", "[1,2,3,1]"});
  check(R"({"type":"array","uniqueItems":true,"prefixItems":[{"enum":[1,2]},{"enum":[1]}],"items":false,"minItems":2})",
        {"[2,1]"}, {"[1", "[1,1]", "[2]"});
  check(R"({"type":"array","uniqueItems":true,"prefixItems":[{"type":"string"},{"type":"null"}],"items":false})",
        {R"(["x",null])"}, {"[null]"});
  check(
      R"({"type":"object","allOf":[{"properties":{"a":{"type":"integer"}}},{"anyOf":[{"properties":{"b":{"type":"null"}},"required":["b"]},{"properties":{"c":{}},"required":["c"]}]}],
          "unevaluatedProperties":false})",
      {R"({"b":null})", R"({"a":1,"c":2})", R"({"c":2,"b":null})"},
      {"{}", R"({"a":1})", R"({"c":1,"d":1})", R"({"c":2,"b":1})"});
  check(
      R"({"type":"array","prefixItems":[{"type":"null"}],"contains":{"type":"string"},"unevaluatedItems":{"type":"integer"}})",
      {R"([null,"a"])", R"([null,1,"a",2])"}, {"[null]", "[null,1]", R"([null,"a",null])"});
  check(
      R"({"$id":"https://a.b/strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,
          "$defs":{"tree":{"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"v":{"type":"integer"},"of":{"type":"array","items":{"$dynamicRef":"#node"}}}}}})",
      {R"({"v":1})", R"({"of":[{"v":2,"of":[]}]})"},
      {R"({"w":1})", R"({"of":[{"w":1}]})", R"({"of":[{"of":[{"w":1}]}]})"});
}

TEST_CASE("constrain schema: what is not supported is refused by its place") {
  const auto refused = [](std::string_view schema, std::string_view place, std::string_view reason) {
    const std::string message = error_of(schema);
    CAPTURE(message);
    CHECK(message.find(place) != std::string::npos);
    CHECK(message.find(reason) != std::string::npos);
  };
  refused(R"({"properties":{"a/b":{"extends":{}}}})", "at \"/properties/a~1b/extends\"", "not supported");
  refused(R"({"type":"array","uniqueItems":true})", "at \"/uniqueItems\"", "values of a list");
  refused(R"({"not":{"unevaluatedProperties":false}})", "at \"/not/unevaluatedProperties\"", "must not hold");
  refused(R"({"not":{"type":"string","format":"date"}})", "at \"/not/format\"", "must not hold");
  refused(R"({"not":{"additionalProperties":{"type":"null"}}})", "at \"/not/additionalProperties\"",
          "only with `false`");
  refused(R"({"type":"array","contains":{"const":1},"minContains":30000,"maxContains":40000})", "contains",
          "large numbers");
  refused(R"({"type":"string","not":{"format":"url"}})", "", "no text fits");
  for (const char* format : {"idn-email", "idn-hostname", "iri", "iri-reference", "uri-template", "relative-json-pointer", "regex"})
    refused(std::string(R"({"type":"string","format":")") + format + "\"}", "at \"/format\"", "date-time");
  refused(R"({"type":"string","pattern":"(a)\\1"})", "at \"/pattern\"", "back references");
  refused(R"({"$ref":"other.json#/x"})", "at \"/$ref\"", "another document");
  refused(R"({"$ref":"#/nowhere"})", "at \"/$ref\"", "leads nowhere");
  refused(R"({"$dynamicRef":"other.json#/x"})", "at \"/$dynamicRef\"", "another document");
  refused(R"({"type":"text"})", "at \"/type\"", "no type");
  refused(R"({"items":5})", "at \"/items\"", "a schema is");
  refused(R"({"minLength":-1})", "at \"/minLength\"", "whole number");
  refused(R"({"type":"object","required":"a"})", "at \"/required\"", "strings");
  refused("{", "JSON Schema", "");
}

TEST_CASE("constrain schema: hostile schemas end in a constraint or an error, within bounds") {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += R"({"type":"array","items":)";
  CHECK(error_of(deep + "true" + std::string(100, '}')).empty());
  base::Json doubling = {{"$ref", "#/$defs/d0"}};
  for (int i = 0; i < 30; ++i) {
    const std::string next = "#/$defs/d" + std::to_string(i + 1);
    doubling["$defs"]["d" + std::to_string(i)] = {
        {"type", "array"}, {"prefixItems", {{{"$ref", next}}, {{"$ref", next}}}}, {"items", false}, {"minItems", 2}};
  }
  doubling["$defs"]["d30"] = {{"type", "null"}};
  CHECK(error_of(base::dump_json(doubling)).empty());  // 2^30 nulls, 31 rules
  base::Json combinations = {{"allOf", base::Json::array()}};
  for (int i = 0; i < 12; ++i)
    combinations["allOf"].push_back({{"anyOf", {{{"minimum", i}}, {{"maxLength", i}}, {{"maxItems", i}}}}});
  CHECK(error_of(base::dump_json(combinations)).find("alternatives") != std::string::npos);
  base::Json cycle = {{"$ref", "#/$defs/a"},
                      {"$defs", {{"a", {{"$ref", "#/$defs/b"}}}, {"b", {{"$ref", "#/$defs/a"}}}}}};
  CHECK(error_of(base::dump_json(cycle)).empty());  // says nothing at all
  base::Json many;
  for (int i = 0; i < 20000; ++i) many["enum"].push_back("value number " + std::to_string(i));
  const auto made = Constraint::from_json_schema(base::dump_json(many), byte_vocabulary());
  REQUIRE(made);
  CHECK(accepts(*made, "\"value number 19999\""));
  CHECK_FALSE(accepts(*made, "\"value number 20000\""));
}

TEST_CASE("constrain schema: a random walk through masks writes valid JSON, and copies of it are accepted") {
  const auto vocabulary = byte_vocabulary(
      {"{\"", "\":", ",\"", "\"}", "],", "}}", "true", "null", "\": [", "12", "\", \"", "é", "name", "\\u00"});
  const auto constraint = Constraint::from_json_schema(
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":8},"tags":{"type":"array","items":{"enum":["x","yy"]},"maxItems":2},
          "n":{"type":"number","minimum":0,"maximum":9.5},"child":{"$ref":"#"}},"required":["name","n"],"additionalProperties":false})",
      vocabulary);
  REQUIRE(constraint);
  std::mt19937 random(7);
  int n_ended = 0;
  for (int walk = 0; walk < 60; ++walk) {
    ConstraintState state(*constraint);
    std::string text;
    for (int step = 0; step < 400; ++step) {
      const std::set<std::string> next = allowed(state);
      REQUIRE_FALSE(next.empty());
      if (next.count(std::string(kEnd))) {
        ++n_ended;
        const auto value = base::parse_json(text);
        REQUIRE(value);
        CHECK(value->contains("name"));
        CHECK((*value)["n"].get<double>() <= 9.5);
        CHECK(accepts(*constraint, text));
        break;
      }
      auto choice = next.begin();
      std::advance(choice, static_cast<std::ptrdiff_t>(random() % next.size()));
      text += *choice;
      REQUIRE(state.accept_text(*choice));
    }
  }
  CHECK(n_ended > 5);
}

}  // namespace engine::test
