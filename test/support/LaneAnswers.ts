import { Schema } from "effect"
import { UnitList, UnitResult, UnitView } from "../../src/domain/LaneView.js"
import { type Answer, refusalOf } from "./Server.js"

const value = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })
  return (answer: Answer): A => {
    if (answer.isError) throw new Error(refusalOf(answer))
    return decode(answer.value)
  }
}

export const viewOf = value(UnitView)
export const resultOf = value(UnitResult)
export const listOf = value(UnitList)
