// The page: an explorer whose model is a WebSocket.
import { socketModel } from "./socket.js";
import viewer from "./viewer.js";

const token = new URLSearchParams(location.search).get("token") || "";
const model = socketModel(`ws://${location.host}/socket?token=${encodeURIComponent(token)}`);
viewer.render({ model, el: document.getElementById("explorer") });
