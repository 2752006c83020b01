import { harmlessTokens } from "./CredentialNames.js"

/** One kind of secret that is known by its looks; sources are JavaScript regular expressions that match no line break. */
export interface SecretShape {
  readonly name: string
  /** The secret alone. */
  readonly pattern: string
}

/** A secret that is known by what stands before it. */
export interface SecretContext {
  readonly name: string
  /** Letter case does not matter in it. */
  readonly before: string
  readonly value: string
  /** Says whether a value in this place is one, because the same words also stand before harmless things. */
  readonly accepts: (value: string) => boolean
  /** So sure that an input that holds one is refused. */
  readonly refused: boolean
}

const shape = (name: string, pattern: string): SecretShape => ({ name, pattern })

const begin = "-----BEGIN[\\w -]{0,100}PRIVATE KEY(?: BLOCK)?-----"
const end = "-----END[\\w -]{0,100}PRIVATE KEY(?: BLOCK)?-----"
const escapedBreak = "\\\\{1,2}[nrt]"
const keyHeader = "(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): ?[\\w ,.:/()-]*"
const uuid = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

/** Where a private key begins and ends when it is written over several lines. */
export const privateKey = { begin, end, header: keyHeader } as const

/**
 * Shapes so particular that nothing else looks like them. The set they are measured against is the rules of gitleaks,
 * https://github.com/gitleaks/gitleaks; `test/secrets/measure.ts` says how many of those are recognised.
 */
export const secretShapes: ReadonlyArray<SecretShape> = [
  shape(
    "private key",
    `${begin}(?:(?:${escapedBreak})+(?:${keyHeader}|[A-Za-z0-9+/=]*)|[ \\t]*[A-Za-z0-9+/=]{16,})*(?:(?:${escapedBreak}|[ \\t])*${end})?`
  ),
  shape("age secret key", "AGE-SECRET-KEY-1[A-Z0-9]{58}"),
  shape("json web token", "ey[A-Za-z0-9]{15,}\\.ey(?:[\\w-]|\\\\{0,2}/){15,}(?:\\.(?:[\\w+-]|\\\\{0,2}/)*={0,2})?"),
  shape("json web token in base64", "ZXlK[\\w+/-]{60,}={0,2}"),
  shape("aws access key id", "(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
  shape("aws bedrock key", "(?:ABSK[A-Za-z0-9+/]{100,}={0,2}|bedrock-api-key-[A-Za-z0-9+/]{20,}={0,2})"),
  shape("alibaba access key id", "LTAI[A-Za-z0-9]{20}"),
  shape("google api key", "AIza[\\w-]{35}"),
  shape("google oauth secret", "(?:GOCSPX-[\\w-]{20,}|ya29\\.[\\w-]{20,}|1//0[\\w-]{30,})"),
  shape("azure storage key", "AccountKey=[A-Za-z0-9+/]{86}=="),
  shape("azure shared access signature", "sig=[A-Za-z0-9+/]{20,}(?:%[0-9A-Fa-f]{2}[A-Za-z0-9+/]*)+"),
  shape("azure client secret", "[\\w~.]{3}\\dQ~[\\w~.-]{31,34}"),
  shape("yandex key", "(?:t1\\.[\\w-]{10,}={0,2}\\.[\\w-]{86}={0,2}|AQVN[\\w-]{35,38}|YC[\\w-]{38})"),
  shape("digitalocean token", "do[opr]_v1_[A-Fa-f0-9]{64}"),
  shape("heroku key", "HRKU-AA[\\w-]{58}"),
  shape("fly token", "(?:fo1_[\\w-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{100,}={0,3})"),
  shape("scalingo token", "tk-us-[\\w-]{48}"),
  shape("cloudflare origin key", "v1\\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
  shape("openshift token", "sha256~[\\w-]{43}"),
  shape("github token", "gh[pousr]_[A-Za-z0-9]{36,}"),
  shape("github fine-grained token", "github_pat_\\w{60,}"),
  shape(
    "gitlab token",
    "(?:gl(?:pat|dt|rt|ptt|ft|imt|agent|oas|soat|ffct|cbt|rtr|wt)-|GR1348941)[\\w-]{20,}(?:\\.[\\w]+)*"
  ),
  shape("gitlab session", "_gitlab_session=[0-9a-z]{32}"),
  shape("bitbucket app password", "ATBB[A-Za-z0-9]{32}"),
  shape("atlassian token", "AT[AC]TT3[\\w=-]{60,}"),
  shape("linear key", "lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
  shape("notion token", "ntn_\\d{11}[A-Za-z0-9]{35}"),
  shape("sourcegraph token", "sgp_(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}"),
  shape("npm token", "(?:npm_|NPM_)[A-Za-z0-9]{36}"),
  shape("pypi token", "pypi-[\\w-]{50,}"),
  shape("rubygems token", "rubygems_[a-f0-9]{48}"),
  shape("clojars token", "(?:CLOJARS|clojars)_[A-Za-z0-9]{60}"),
  shape("docker token", "dckr_[op]at_[\\w-]{20,}"),
  shape("artifactory key", "(?:AKCp[A-Za-z0-9]{69}|cmVmd[A-Za-z0-9]{59})"),
  shape("openai or anthropic key", "sk-(?:[\\w-]{32,}|[A-Za-z0-9]{20,}T3BlbkFJ[A-Za-z0-9]{20,})"),
  shape("hugging face token", "(?:hf_|api_org_)[A-Za-z0-9]{34}"),
  shape("perplexity key", "pplx-[A-Za-z0-9]{48}"),
  shape(
    "slack token",
    "(?:xox[abceoprs](?:[.-]xox[bp])?-(?=[A-Za-z-]*\\d)[A-Za-z0-9-]{10,}|xapp-\\d-[A-Za-z0-9]+-\\d+-[A-Za-z0-9]+)"
  ),
  shape("slack legacy token", "xox[ar]-(?:\\d-)?[0-9a-zA-Z]{8,48}"),
  shape("slack webhook", "hooks\\.slack\\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,}"),
  shape("discord webhook", "discord(?:app)?\\.com/api/webhooks/\\d{15,}/[\\w-]{40,}"),
  shape("discord bot token", "[MNO][\\w-]{23,25}\\.[\\w-]{6}\\.[\\w-]{27,38}"),
  shape("teams webhook", `[a-z0-9]+\\.webhook\\.office\\.com/webhookb2/[\\w@/-]{60,}`),
  shape("telegram bot token", "\\d{8,16}:A[\\w-]{34}"),
  shape("twilio key", "SK[0-9a-fA-F]{32}"),
  shape("sendgrid key", "SG\\.[\\w=.-]{60,}"),
  shape("brevo key", "xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
  shape("mailgun key", "(?:(?:pub)?key-[a-f0-9]{32}|[a-h0-9]{32}-[a-h0-9]{8}-[a-h0-9]{8})"),
  shape("mailchimp key", "[a-f0-9]{32}-us\\d{1,2}"),
  shape("stripe key", "(?:[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{24,}={0,2})"),
  shape("square token", "(?:sq0(?:atp|csp)-[\\w-]{22,}|EAAA[\\w-]{22,60})"),
  shape("facebook token", "(?:EAA[MC][A-Za-z0-9]{100,}|\\d{15,16}(?:\\||%(?:7C)?)[\\w-]{27,40})"),
  shape("shopify token", "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
  shape("shippo token", "shippo_(?:live|test)_[a-fA-F0-9]{40}"),
  shape("plaid token", `access-(?:sandbox|development|production)-${uuid}`),
  shape("easypost token", "EZ[AT]K[A-Za-z0-9]{54}"),
  shape("duffel token", "duffel_(?:test|live)_[\\w=-]{43}"),
  shape("flutterwave key", "FLW(?:SECK|PUBK)_TEST-[A-Za-z0-9]{12,}(?:-X)?"),
  shape("lob key", "(?:live|test)_(?:pub_)?[a-f0-9]{31,35}"),
  shape("databricks token", "dapi[a-f0-9]{32}(?:-\\d)?"),
  shape("planetscale secret", "pscale_(?:tkn|oauth|pw)_[\\w=.-]{32,64}"),
  shape("clickhouse key", "4b1d[A-Za-z0-9]{38}"),
  shape("airtable token", "pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}"),
  shape("adobe client secret", "p8e-[A-Za-z0-9]{32}"),
  shape(
    "authress key",
    "(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\\.[A-Za-z0-9]{4,6}\\.acc[_-][A-Za-z0-9-]{10,32}\\.[\\w+/=-]{30,120}"
  ),
  shape("1password secret", "(?:A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}|ops_eyJ[A-Za-z0-9+/]{100,}={0,3})"),
  shape("vault token", "(?:hv[sbr]\\.[\\w-]{24,}|s\\.(?=[A-Za-z]{0,23}\\d)[A-Za-z0-9]{24})"),
  shape("doppler token", "dp\\.(?:pt|st|ct|sa|scim|audit)\\.[\\w.-]{40,}"),
  shape("terraform token", "[A-Za-z0-9]{14}\\.atlasv1\\.[\\w=-]{60,}"),
  shape("pulumi token", "pul-[a-f0-9]{40}"),
  shape("prefect token", "pnu_[A-Za-z0-9]{36}"),
  shape("infracost key", "ico-[A-Za-z0-9]{32}"),
  shape("harness key", "[ps]at\\.[\\w-]{22}\\.[A-Za-z0-9]{24}\\.[A-Za-z0-9]{20}"),
  shape("octopus key", "API-[A-Z0-9]{26}"),
  shape(
    "grafana token",
    "(?:eyJrIjoi[A-Za-z0-9]{70,}={0,3}|glc_[A-Za-z0-9+/]{32,}={0,3}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})"
  ),
  shape("new relic key", "NR(?:AK|II|JS|RA|AA)-[A-Za-z0-9-]{19,}"),
  shape("sentry token", "sntry[su]_[A-Za-z0-9+/=_]{40,}"),
  shape("dynatrace token", "dt0c01\\.[A-Za-z0-9]{24}\\.[A-Za-z0-9]{64}"),
  shape("postman key", "PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
  shape("readme key", "rdme_[a-z0-9]{70}"),
  shape("typeform token", "tfp_[\\w.=-]{59}"),
  shape("mapbox token", "[ps]k\\.[a-z0-9]{60}\\.[a-z0-9]{22}"),
  shape("dropbox token", "sl\\.[\\w=-]{100,}"),
  shape("gocardless token", "live_[\\w=-]{40}"),
  shape("frame.io token", "fio-u-[\\w=-]{64}"),
  shape("maxmind key", "[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
  shape("defined networking key", "dnkey-[\\w=-]{26}-[\\w=-]{52}"),
  shape("settlemint token", "sm_[aps]at_[A-Za-z0-9]{16}"),
  shape("intra42 secret", "s-s4t2(?:ud|af)-[a-f0-9]{64}")
]

/** Letters and digits without a plan: neither words with a number behind them nor a version, a date or a path. */
export const looksRandom = (value: string): boolean =>
  /\d/.test(value) && /[A-Za-z]/.test(value) && new Set(value).size > 5 && !value.split(/[-_./=+~:%]+/).every(isWord)

/** `task`, `v2`, `2024`, `base64url` or `GetOauth2Token`. */
const isWord = (piece: string): boolean =>
  /^(?:[A-Za-z]*\d{0,4}|\d+|[a-z]{3,}\d{1,2}[a-z]{2,})$/.test(piece) ||
  (/[A-Z]/.test(piece) && /^(?:[A-Za-z][a-z]{2,}\d{0,2})+$/.test(piece))

const looksChosen = (value: string): boolean =>
  /^[^${[<*%]/.test(value) &&
  new Set(value).size > 3 &&
  /[A-Za-z]/.test(value) &&
  /[\d!@#$%^&*?+~]/.test(value) &&
  !/^[A-Za-z]\w*(?:\.[A-Za-z]\w*)+$/.test(value)

/** A backslash is only passed over with the quote it escapes, so that no escape of JSON is torn. */
const quote = "(?:\\\\{0,3}[\"'`])?"
const assigned =
  "[\\w.\\- \\t]{0,20}(?:\\\\{0,3}[\"'`]|[ \\t]){0,3}(?:\\|\\||[:?]{0,3}=>?|:|>|,)(?:\\\\{0,3}[\"'`]|[ \\t=]){0,5}"

/** Positions, vocabulary and marks of ours, as in the names of members. */
const token = `(?<!(?:${[...harmlessTokens].join("|")})[_ -]?)token`

const vendors = [
  "adafruit|adobe|airtable|algolia|alibaba|asana|atlassian|confluence|jira|beamer|bitbucket|bittrex|meraki",
  "cloudflare|codecov|cohere|co_api_key|coinbase|confluent|contentful|datadog|dnkey|discord|droneci|dropbox",
  "etsy|facebook|fastly|finicity|finnhub|flickr|freshbooks|gitter|gocardless|heroku|hubspot|intercom|jfrog",
  "artifactory|bintray|xray|kraken|kucoin|launchdarkly|linear|linked[_-]?in|(?<![a-z])lob|looker|mailchimp",
  "mailgun|mapbox|mattermost|message[_-]?bird|netlify|new[_-]?relic|nytimes|new-?york-?times|okta|plaid",
  "private[_-]?ai|rapidapi|sendbird|sendgrid|sentry|snyk|sonar|sourcegraph|squarespace|stripe|sumo|telegr|travis|twilio",
  "twitch|twitter|typeform|yandex|zendesk|contribsys"
].join("|")

/** What stands before a secret that has no shape of its own; only the secret is taken out. */
export const secretContexts: ReadonlyArray<SecretContext> = [
  {
    name: "url password",
    before: "://[^\\s:/@\"'<>]{0,200}:",
    value: "[^\\s/@\"'<>\\\\]{3,400}(?=@)",
    accepts: (value) => !/^(?:[$<{[*%]|x+$|\.+$)/i.test(value),
    refused: true
  },
  {
    name: "authorization",
    before: `(?:bearer|basic|token|apikey)(?: |%20|\\+)${quote}`,
    value: "[\\w+/.~-]{8,}={0,2}",
    accepts: (value) => value.length >= 16 && looksRandom(value),
    refused: true
  },
  {
    name: "authorization",
    before: `(?:authorization|x-[a-z-]{0,30}(?:key|token|auth|secret))${quote}[ \\t]*[:=][ \\t]*${quote}(?:(?:basic|bearer|token|api-token) )?`,
    value: "[\\w+/.~@-]{8,}={0,3}",
    accepts: (value) =>
      looksChosen(value) ||
      looksRandom(value) ||
      (value.length >= 12 && /[A-Z].*[a-z]|[a-z].*[A-Z]/.test(value) && value.endsWith("=")),
    refused: true
  },
  {
    name: "curl password",
    before: "curl[ \\t][^\\n]{0,400}?[ \\t](?:-u|--user)[ =\\t]{0,5}[\"']?[^\\s:\"']{0,100}:",
    value: "[^\\s\"'\\\\]{3,200}",
    accepts: (value) => !/^[$<{]/.test(value),
    refused: true
  },
  {
    name: "docker auth",
    before: '\\\\{0,2}"auth\\\\{0,2}"[ \\t]*:[ \\t]*\\\\{0,2}"',
    value: "[A-Za-z0-9+/]{16,}={0,2}",
    accepts: looksRandom,
    refused: true
  },
  {
    name: "password",
    before: `(?:passw(?:or)?d|passphrase|pwd|_pass)${assigned}`,
    value: "[^\\s\"'`<>,;&\\\\[\\](){}]{8,200}",
    accepts: looksChosen,
    refused: true
  },
  {
    name: "password",
    before: 'key=\\\\{0,2}"(?:cleartext)?password\\\\{0,2}"[ \\t]*value=\\\\{0,2}"',
    value: "[^\\s\"'<>\\\\]{8,200}",
    accepts: (value) => !/^[%$]/.test(value),
    refused: true
  },
  {
    name: "secret",
    before: `(?:secret|${token}|credential|creds|api[_ -]?key|access[_ -]?key|auth[_ -]?key|private[_ -]?key|signing[_ -]?key|encryption[_ -]?key|account[_ -]?key|license[_ -]?key)${assigned}`,
    value: "[\\w+/=.~%-]{12,}",
    accepts: (value) => value.length >= 16 && looksRandom(value) && !/^\w+\.\w+\.\w+$/.test(value),
    refused: true
  },
  {
    name: "key of a service",
    before: `(?:${vendors})${assigned}`,
    value: "[\\w+/=.~%:-]{14,}",
    accepts: looksRandom,
    refused: false
  }
]
