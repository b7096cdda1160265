// SPDX-License-Identifier: Apache-2.0
// Formats of json_text.h as regular expressions, matched from end to end.
//
// Source   RFC 3339 (date, time, date-time, duration), 5321 and 1123 (email, hostname: ASCII), 2673 and 4291 (ipv4,
//          ipv6), 3986 (uri), 4122 (uuid), 6901 (json-pointer). Years start at 0001; there are no leap seconds; no two
//          hyphens stand together in a hostname, which keeps out what punycode encodes and would have to be decoded to
//          be checked; a hostname has up to four labels of up to 31 letters and digits, which keeps it below the limits
//          of 63 and 253.
#include <algorithm>
#include <iterator>

#include "engine/constrain/json_text.h"

namespace engine {
namespace {

#define GRAFT_YEAR "(?!0000)[0-9]{4}"
#define GRAFT_LEAP "(?:(?!0000)(?:[02468][048]|[13579][26])00|[0-9]{2}(?:0[48]|[2468][048]|[13579][26]))"
#define GRAFT_DATE                                                                           \
  "(?:" GRAFT_YEAR                                                                           \
  "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|" \
  "02-(?:0[1-9]|1[0-9]|2[0-8]))|" GRAFT_LEAP "-02-29)"
#define GRAFT_TIME \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define GRAFT_LABEL "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,30}"
#define GRAFT_HOST GRAFT_LABEL "(?:\\." GRAFT_LABEL "){0,3}"
#define GRAFT_DOMAIN "[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*"
#define GRAFT_OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define GRAFT_IPV4 "(?:" GRAFT_OCTET "\\.){3}" GRAFT_OCTET
#define GRAFT_H16 "[0-9A-Fa-f]{1,4}"
#define GRAFT_LS32 "(?:" GRAFT_H16 ":" GRAFT_H16 "|" GRAFT_IPV4 ")"
#define GRAFT_IPV6                                                                                                 \
  "(?:(?:" GRAFT_H16 ":){6}" GRAFT_LS32 "|::(?:" GRAFT_H16 ":){5}" GRAFT_LS32 "|(?:" GRAFT_H16 ")?::(?:" GRAFT_H16 \
  ":){4}" GRAFT_LS32 "|(?:(?:" GRAFT_H16 ":){0,1}" GRAFT_H16 ")?::(?:" GRAFT_H16 ":){3}" GRAFT_LS32                \
  "|(?:(?:" GRAFT_H16 ":){0,2}" GRAFT_H16 ")?::(?:" GRAFT_H16 ":){2}" GRAFT_LS32 "|(?:(?:" GRAFT_H16               \
  ":){0,3}" GRAFT_H16 ")?::" GRAFT_H16 ":" GRAFT_LS32 "|(?:(?:" GRAFT_H16 ":){0,4}" GRAFT_H16 ")?::" GRAFT_LS32    \
  "|(?:(?:" GRAFT_H16 ":){0,5}" GRAFT_H16 ")?::" GRAFT_H16 "|(?:(?:" GRAFT_H16 ":){0,6}" GRAFT_H16 ")?::)"
#define GRAFT_PCHAR "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
#define GRAFT_AUTHORITY                                                     \
  "(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?(?:\\[" GRAFT_IPV6 \
  "\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?"
#define GRAFT_QUERY "(?:\\?(?:" GRAFT_PCHAR "|[/?])*)?(?:#(?:" GRAFT_PCHAR "|[/?])*)?"
#define GRAFT_URI                                                                                               \
  "[A-Za-z][A-Za-z0-9+.-]*:(?://" GRAFT_AUTHORITY "(?:/" GRAFT_PCHAR "*)*|/(?:" GRAFT_PCHAR "+(?:/" GRAFT_PCHAR \
  "*)*)?|" GRAFT_PCHAR "+(?:/" GRAFT_PCHAR "*)*|)" GRAFT_QUERY
#define GRAFT_RELATIVE                                                                  \
  "(?://" GRAFT_AUTHORITY "(?:/" GRAFT_PCHAR "*)*|/(?:" GRAFT_PCHAR "+(?:/" GRAFT_PCHAR \
  "*)*)?|(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+(?:/" GRAFT_PCHAR "*)*|)" GRAFT_QUERY

#define GRAFT_DAYS "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
#define GRAFT_HOURS "(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"

struct Format {
  std::string_view name, pattern;
};
constexpr Format kFormats[] = {
    {"date", GRAFT_DATE},
    {"time", GRAFT_TIME},
    {"date-time", GRAFT_DATE "T" GRAFT_TIME},
    {"duration", "P(?:[0-9]+W|" GRAFT_DAYS "(?:T" GRAFT_HOURS ")?|T" GRAFT_HOURS ")"},
    {"email", "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@" GRAFT_DOMAIN},
    {"hostname", GRAFT_HOST},
    {"ipv4", GRAFT_IPV4},
    {"ipv6", GRAFT_IPV6},
    {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
    {"uri", GRAFT_URI},
    {"uri-reference", "(?:" GRAFT_URI "|" GRAFT_RELATIVE ")"},
    {"json-pointer", "(?:/(?:[^~/]|~[01])*)*"},
};

}  // namespace

std::string_view pattern_of_format(std::string_view name) {
  for (const Format& format : kFormats)
    if (format.name == name) return format.pattern;
  return {};
}

bool is_defined_format(std::string_view name) {
  constexpr std::string_view kDefined[] = {"idn-email",    "idn-hostname",          "iri",  "iri-reference",
                                           "uri-template", "relative-json-pointer", "regex"};
  return std::find(std::begin(kDefined), std::end(kDefined), name) != std::end(kDefined);
}

std::string formats_known() {
  std::string names;
  for (const Format& format : kFormats) (names += names.empty() ? "" : ", ") += format.name;
  return names;
}

}  // namespace engine
