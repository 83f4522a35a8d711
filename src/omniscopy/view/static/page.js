// The page: an explorer whose model is a WebSocket.
import { socketModel } from "./socket.js";
import viewer from "./viewer.js";

const token = new URLSearchParams(location.search).get("token") || "";
const model = socketModel(`ws://${location.host}/socket?token=${encodeURIComponent(token)}`);
const el = document.getElementById("explorer");
el.classList.add("whole-page");
viewer.render({ model, el });
