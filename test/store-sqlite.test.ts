import { storeContract } from "./contracts/StoreContract.js"
import { storeAnywhere } from "./support/StateFolder.js"

storeContract("SQLite", storeAnywhere)
