import { randomBytes } from "node:crypto"
import { invalid } from "./AwsError.js"
import { type Call } from "./Call.js"
import { type Operation } from "./DataPlane.js"

const xml = (action: string, result: string) =>
  `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result>` +
  `<ResponseMetadata><RequestId>${randomBytes(8).toString("hex")}</RequestId></ResponseMetadata></${action}Response>`

/** The two calls a credential chain makes: who am I, and a role's temporary keys, which begin with `ASIA` and name the role. */
const sts = async (call: Call) => {
  const form = new URLSearchParams(call.body.toString("utf8"))
  const { accountId } = call.world.settings
  const action = form.get("Action") ?? ""
  const answer = (result: string) => () => {
    call.response.writeHead(200, { "content-type": "text/xml" })
    call.response.end(xml(action, result))
  }
  if (action === "GetCallerIdentity")
    return answer(
      `<Arn>arn:aws:iam::${accountId}:user/${call.caller.accessKeyId}</Arn>` +
        `<UserId>${call.caller.accessKeyId}</UserId><Account>${accountId}</Account>`
    )
  if (action === "AssumeRole") {
    const [, role = "role"] = /:role\/(.+)$/.exec(form.get("RoleArn") ?? "") ?? []
    const expires = new Date(Date.now() + 3_600_000).toISOString()
    return answer(
      `<AssumedRoleUser><Arn>arn:aws:sts::${accountId}:assumed-role/${role}/${form.get("RoleSessionName") ?? ""}</Arn>` +
        `<AssumedRoleId>AROA:${role}</AssumedRoleId></AssumedRoleUser><Credentials>` +
        `<AccessKeyId>ASIA${role.replaceAll(/[^A-Za-z0-9]/g, "").toUpperCase()}</AccessKeyId>` +
        `<SecretAccessKey>emulated</SecretAccessKey><SessionToken>emulated</SessionToken>` +
        `<Expiration>${expires}</Expiration></Credentials>`
    )
  }
  throw invalid(`Unknown action ${action}`)
}

export const stsOperation: Operation = { op: "Sts", method: "POST", path: /^\/$/, plane: "get", run: sts }
