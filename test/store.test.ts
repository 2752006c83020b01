import { Store } from "../src/services/Store.js"
import { storeContract } from "./contracts/StoreContract.js"

storeContract("memory", Store.layerMemory)
