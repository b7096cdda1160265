export function View(props: { name: string }) {
  const label = <b>{props.name}</b>;
  return <div className="view">{label}</div>;
}
