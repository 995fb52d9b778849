export { floats, integers, Session, type SessionOptions, type Tensor } from "./session.ts";
